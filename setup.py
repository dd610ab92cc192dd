"""Installation; everything is declared in setup.cfg and requirements/, but for what a wheel holds beside the package.

Configs, tools and the index of models go into the wheel as ``mmssod/.mim``, where mim and
``mmssod.apis.find_config`` look for them. An editable install reads them where they lie.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
BESIDE = ('configs', 'tools', 'model-index.yml')


class BuildWithConfigs(build_py):
    """Builds the package and puts ``.mim`` into it."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / 'mmssod' / '.mim'
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        ignore = shutil.ignore_patterns('__pycache__', '*.pyc')
        for name in BESIDE:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, target / name, ignore=ignore)
            else:
                shutil.copy(ROOT / name, target / name)


setup(cmdclass={'build_py': BuildWithConfigs})
