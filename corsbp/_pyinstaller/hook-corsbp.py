"""A frozen app has the public suffix list, and the modules that `corsbp` imports when a name is used."""

from PyInstaller.utils.hooks import collect_data_files

import corsbp

datas = collect_data_files("publicsuffixlist", includes=["*.dat"])
hiddenimports = ["publicsuffixlist", *(f"corsbp.{module}" for module in {*corsbp._MODULES.values()})]
