# Open the workbook.  Not tried: no Windows machine was to be had when this was written.
Set-Location -LiteralPath $PSScriptRoot
foreach ($name in 'py', 'python3', 'python') {
    if (Get-Command $name -ErrorAction SilentlyContinue) {
        & $name start.py @args
        exit $LASTEXITCODE
    }
}
[Console]::Error.WriteLine('Python is needed and none was found; START.txt says which.')
exit 1
