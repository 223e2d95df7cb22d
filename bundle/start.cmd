@echo off
rem Open the workbook.  Not tried on Windows, for want of such a machine; Wine's cmd runs it as it is meant.
setlocal
rem Unlike cd, pushd goes to a folder on a server too.
pushd "%~dp0"
set "found="
for %%N in (py python python3) do call :try %%N
set "status=1"
if not defined found goto none
%found% start.py %*
set "status=%errorlevel%"
goto end

:none
echo Python is needed and none was found; START.txt says which. 1>&2
:end
popd
rem Whoever clicked on this file is to see why, before the window closes.
if not "%status%"=="0" pause
exit /b %status%

rem Behind such a name may be no Python but the way to the Store, so each is tried.
:try
if defined found exit /b 0
%1 -c "import sys; sys.exit(sys.version_info[0] < 3)" >nul 2>nul
if "%errorlevel%"=="0" set "found=%1"
exit /b 0
