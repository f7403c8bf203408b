"""A frozen command has the module of each command, the page of `corsbp try`, and the ids of `corsbp why`."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

datas = collect_data_files("corsbp.command")
hiddenimports = [*collect_submodules("corsbp.command"), "corsbp.testing.stops"]
