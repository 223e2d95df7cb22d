# Open the workbook.  Not tried: no Windows machine was to be had when this was written.
Set-Location -LiteralPath $PSScriptRoot
foreach ($name in 'py', 'python', 'python3') {
    if (-not (Get-Command $name -CommandType Application -ErrorAction SilentlyContinue)) { continue }
    # Behind such a name may be no Python but the way to the Store, so each is tried.
    & $name -c 'import sys; sys.exit(sys.version_info[0] < 3)' >$null 2>$null
    if ($LASTEXITCODE -ne 0) { continue }
    & $name start.py @args
    exit $LASTEXITCODE
}
[Console]::Error.WriteLine('Python is needed and none was found; START.txt says which.')
exit 1
