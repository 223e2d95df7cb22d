@echo off
rem Open the workbook.  Not tried: no Windows machine was to be had when this was written.
setlocal
rem Unlike cd, pushd goes to a folder on a server too.
pushd "%~dp0"
rem Behind such a name may be no Python but the way to the Store, so each is tried.
for %%N in (py python python3) do %%N -c "import sys; sys.exit(sys.version_info[0] < 3)" >nul 2>nul && set "found=%%N" && goto start
echo Python is needed and none was found; START.txt says which. 1>&2
set "status=1"
goto end
:start
%found% start.py %*
set "status=%errorlevel%"
:end
popd
rem Whoever clicked on this file is to see why, before the window closes.
if not "%status%"=="0" pause
exit /b %status%
