@echo off
rem Open the workbook.  Not tried: no Windows machine was to be had when this was written.
cd /d "%~dp0"
where py >nul 2>nul
if not errorlevel 1 goto launcher
where python >nul 2>nul
if not errorlevel 1 goto python
echo Python is needed and none was found; START.txt says which. 1>&2
exit /b 1
:launcher
py -3 start.py %*
exit /b
:python
python start.py %*
exit /b
