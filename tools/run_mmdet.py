"""Run one of MMDetection's own tools with mmssod loaded, so that it knows mmssod's configs.

``python tools/run_mmdet.py`` lists them;
``python tools/run_mmdet.py analysis_tools/get_flops.py CONFIG`` runs one. The name may be shortened
to the file's (``get_flops``) where no other tool has it.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path


def tools_folder() -> Path:
    """The folder of MMDetection's tools: in its wheel, or beside an editable install.

    Raises:
        FileNotFoundError: neither is there.
    """
    import mmdet

    package = Path(mmdet.__file__).parent
    for folder in (package / '.mim' / 'tools', package.parent / 'tools'):
        if (folder / 'analysis_tools').is_dir():
            return folder
    raise FileNotFoundError(
        f"MMDetection's tools: expected {package / '.mim' / 'tools'}, which its wheels contain, or "
        'tools/ beside an editable install; found neither. Reinstall mmdet from its wheel'
    )


def find_tool(folder: Path, name: str) -> Path:
    """The one tool of that name or relative path.

    Raises:
        ValueError: no such tool, or several.
    """
    wanted = name.removesuffix('.py')
    tools = list_tools(folder)
    exact = [tool for tool in tools if tool.removesuffix('.py') == wanted]
    found = exact or [tool for tool in tools if Path(tool).stem == wanted]
    if len(found) != 1:
        known = '\n  '.join(found or tools)
        raise ValueError(f'{name}: expected the name of one tool, of these:\n  {known}')
    return folder / found[0]


def list_tools(folder: Path) -> list[str]:
    """Relative paths of all tools, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob('*.py'))


def main() -> None:
    """List the tools, or run one in this process."""
    import mmssod  # noqa: F401  registers everything before the tool builds anything

    folder = tools_folder()
    if len(sys.argv) < 2 or sys.argv[1] in ('-h', '--help'):
        print(__doc__)
        print('\n'.join(list_tools(folder)))
        return
    try:
        tool = find_tool(folder, sys.argv[1])
    except ValueError as error:
        sys.exit(str(error))
    sys.argv = [str(tool), *sys.argv[2:]]
    sys.path[0] = str(tool.parent)
    runpy.run_path(str(tool), run_name='__main__')


if __name__ == '__main__':
    main()
