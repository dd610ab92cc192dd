"""Writes the generated pages and files: equations, config reference, tables of models, model index.

``python tools/docs/generate.py`` writes them, ``--check`` says which are out of date. The table of detectors is made by
trying them, which takes minutes; ``--quick`` leaves it as it is.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MADE = '<!-- made by tools/docs/generate.py; change the code and run it again -->'

ADD_A_FORMAT = """\
## Add a label format

A format is one file in `mmssod/datasets/formats/` with a subclass of `LabelFormat`. You need not register it: the
commands, their `--help` and this page find it there. The subclass defines:

* `name`, the value of `--format`; `about`, what its labels are; `ending`, its files' suffix;
* to be read, `parse(file)`: the images with their boxes, `x y w h` in pixels counted from 0; otherwise `reads = False`;
* to be written, `write(coco, out, scores)`; otherwise `writes = False`;
* if another format has the same ending, `count(source)`, which looks into the files.

For a format with a file for each image, subclass `FilePerImage` instead and define `boxes(file, size, names)` and
`content(image, boxes, names, scores)`. The base class finds the images and reports all unreadable files together.
Sizes, class names, `--classes`, ids and the checks of `mmssod new` are the same for all formats. Override more methods
if needed: `classes` if class names are elsewhere, `sets` if a file names several sets, or the whole of `read`, as COCO
json does. Import torch, numpy and mmengine only in the methods that need them, because `--help` must not load them.

The example is a CSV of boxes, `docs/examples/csv_boxes/csv_boxes.py`. `tests/cli/test_one_file_a_format.py` copies it
into that folder, reads it with `new`, writes it with `label` and shows it with `browse`.

```{literalinclude} examples/csv_boxes/csv_boxes.py
:language: python
:start-at: "class CsvBoxes"
```
"""


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--check', action='store_true', help='write nothing; exit 1 if a file is out of date'
    )
    parser.add_argument('--quick', action='store_true', help='without the table of detectors')
    return parser.parse_args()


def generated() -> dict[str, str]:
    """Contents by path below the repository."""
    return {
        'docs/equations.md': equations_page(),
        'docs/config_reference.md': reference_page(),
        'docs/api.md': api_page(),
        'docs/formats.md': formats_page(),
        'docs/models.md': models_page(),
        'docs/methods.md': methods_page(),
        'model-index.yml': model_index(),
    }


def tried() -> dict[str, str]:
    """Contents of what is made by trying things, by path below the repository."""
    from any_detector.page import page
    from any_detector.rows import all_rows

    return {'docs/detectors.md': page(all_rows(), MADE)}


def equations_page() -> str:
    """Each function of ``mmssod/equations.py``: what it says in one line, its formula, its arguments."""
    from mmssod import equations

    lines = ['# Equations', '', MADE, '', (inspect.getdoc(equations) or '').split('\n\n')[0]]
    lines += [
        '',
        'Each is a pure function in `mmssod/equations.py`; the text here is its docstring.',
        '',
    ]
    for name, _ in own_members(equations, inspect.isfunction):
        lines += [f'## {name}', '', '```{eval-rst}']
        lines += [f'.. autofunction:: mmssod.equations.{name}', '```', '']
    return '\n'.join(lines)


def formats_page() -> str:
    """Each format of labels: its name, what it is, its module's docstring; and how to add one."""
    from mmssod.datasets.formats import formats

    lines = ['# Label formats', '', MADE, '']
    lines += [
        'These formats are read by `mmssod new` and `browse --boxes`, and written by `mmssod label` (`--format`).',
        '',
    ]
    lines += ['| `--format` | labels | read | written |', '|---|---|---|---|']
    for name, form in formats().items():
        can = ['yes' if able else 'no' for able in (form.reads, form.writes)]
        lines.append(f'| `{name}` | {form.about} (`{form.ending}`) | {" | ".join(can)} |')
    for form in formats().values():
        title, _, text = (inspect.getdoc(inspect.getmodule(form)) or '').partition(': ')
        lines += ['', f'## {title}', '', f'{text[:1].upper()}{text[1:]}'.replace('``', '`')]
    return '\n'.join([*lines, '', ADD_A_FORMAT])


def reference_page() -> str:
    """Every class that a config can name, with its arguments."""
    lines = [
        '# Config reference',
        '',
        MADE,
        '',
        "Classes that `type=...` can name in addition to MMDetection's, by registry: arguments, types, defaults.",
        'Defaults are those of the code; the values of the recipes are in `configs/`. An unknown key is an error.',
        '',
    ]
    for title, classes in registered().items():
        lines += [f'## {title}', '']
        for name in sorted(classes):
            lines += class_section(name, classes[name])
    return '\n'.join(lines)


def api_page() -> str:
    """A table of the pages in ``docs/api``, each with its first sentence."""
    pages = {
        file.stem: file.read_text().split('\n\n') for file in (ROOT / 'docs' / 'api').glob('*.md')
    }
    order = sorted(pages, key=lambda name: (name != 'mmssod', name))
    lines = ['# API', '', MADE, '', 'What can be called from Python, by package.', '']
    lines += ['| package | what it is for |', '|---|---|']
    for name in order:
        title, purpose = pages[name][:2]
        lines.append(f'| [{title[2:]}](api/{name}.md) | {" ".join(purpose.split())} |')
    lines += [
        '| [mmssod.equations](equations.md) | The equations of the paper, as pure functions. |',
        '',
    ]
    return '\n'.join(
        [*lines, '```{toctree}', ':hidden:', *(f'api/{name}' for name in order), '```', '']
    )


def registered() -> dict[str, dict[str, type]]:
    """The classes that mmssod adds to mmdet's registries, by name, by the registries' titles."""
    from mmdet import registry

    import mmssod  # noqa: F401  fills the registries

    names = dict(
        Models='MODELS', Coders='TASK_UTILS', Datasets='DATASETS', Samplers='DATA_SAMPLERS', Transforms='TRANSFORMS',
        Hooks='HOOKS', Schedulers='PARAM_SCHEDULERS', Metrics='METRICS',
    )  # fmt: skip
    return {
        title: {
            cls.__name__: cls
            for cls in getattr(registry, name).module_dict.values()
            if cls.__module__.startswith('mmssod.')
        }
        for title, name in names.items()
    }


def class_section(name: str, cls: type) -> list[str]:
    """Heading, first sentence, and what each argument means."""
    lines = [f'### {name}', '', as_markdown((inspect.getdoc(cls) or '').split('\n\n')[0]), '']
    found, rest = knobs(cls)
    for parameter, meaning in found:
        kind, default = type_text(parameter), default_text(parameter)
        lines.append(f'* `{parameter.name}` ({kind}, {default}): {as_markdown(meaning)}')
    lines += [''] * bool(found)
    if rest:
        lines += [f'{"More arguments" if found else "Arguments"}: those of `{rest}`.', '']
    return lines


def knobs(cls: type) -> tuple[list[tuple[inspect.Parameter, str]], str]:
    """Arguments of a class with what each means, '' where no docstring says it; and the class that has the rest, or ''.

    Private classes are no sections of the page: their arguments are listed with those of their subclasses.
    """
    owner = next(one for one in cls.__mro__ if '__init__' in vars(one))
    if owner is not cls and not (
        owner.__module__.startswith('mmssod.') and owner.__name__[0] == '_'
    ):
        none = owner.__module__.split('.')[0] in ('builtins', 'torch')
        return [], '' if none else cls.__mro__[1].__name__
    parameters = list(inspect.signature(owner.__init__).parameters.values())[1:]
    named = [
        each for each in parameters if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
    ]
    more = any(each.kind is each.VAR_KEYWORD for each in parameters)
    return [(each, meaning(owner, each.name)) for each in named], owner.__mro__[
        1
    ].__name__ if more else ''


def meaning(cls: type, name: str) -> str:
    """What docstrings of a class and of those above it say of an argument; what "As in X" leads to is looked up."""
    for one in cls.__mro__:
        args = re.search(
            r'^Args:\n((?:    .*\n|\n)+)', inspect.cleandoc(one.__doc__ or '') + '\n', re.M
        )
        for names, text in re.findall(
            r'^    (\w[\w, ]*): ((?:.|\n     )*)', args[1] if args else '', re.M
        ):
            if name in names.split(', '):
                other = re.fullmatch(
                    r'(?:See|As(?: in| of)?) (?::class:)?`+~?(?:\w+\.)*(\w+)`+\.', text.strip()
                )
                target = getattr(inspect.getmodule(one), other[1], None) if other else None
                return (target and meaning(target, name)) or ' '.join(text.split())
    return ''


def as_markdown(text: str) -> str:
    """Text of a docstring, with names in code quotes."""
    text = re.sub(r':\w+:`~?([^`]+)`', lambda found: f'`{found[1].split(".")[-1]}`', text)
    return ' '.join(text.split()).replace('``', '`')


def type_text(parameter: inspect.Parameter) -> str:
    """A type in few words, without the modules of its parts."""
    kind = parameter.annotation
    text = re.sub(r'(?:\w+\.)+(\w+)', r'\1', kind.__name__ if inspect.isclass(kind) else str(kind))
    text = re.sub(
        r'Union\[ConfigDict, dict(, NoneType)?\]',
        lambda o: 'config | None' if o[1] else 'config',
        text,
    )
    text = text.replace('OptConfigType', 'config | None').replace('ConfigType', 'config')
    return f'`{text}`'


def default_text(parameter: inspect.Parameter) -> str:
    """The default; required arguments have none."""
    if parameter.default is inspect.Parameter.empty:
        return 'required'
    return f'default `{parameter.default!r}`'


def models_page() -> str:
    """A table for each ``metafile.yml``."""
    import yaml

    lines = [
        '# Models',
        '',
        MADE,
        '',
        'All configs, by method. Results that were measured here are in [results](results/index.md),',
        'those of the papers in the README of each folder. If iterations depend on the share of labels,',
        'they are given for 2 %.',
        '',
    ]
    for file in metafiles():
        content = yaml.safe_load(file.read_text())
        for collection in content['Collections']:
            paper = collection.get('Paper') or {}
            lines += [f'## {collection["Name"]}', '']
            if paper:
                lines += [
                    f'[{paper["Title"]}]({paper["URL"]}), [README](../{collection["README"]})',
                    '',
                ]
            keys = ['Training Data', 'Iterations', 'Batch Size', 'Labeled Batch Size']
            lines += [
                '| config | data | iterations | images per step | labeled |',
                '|---|---|---|---|---|',
            ]
            for model in content['Models']:
                if model['In Collection'] == collection['Name']:
                    cells = [str(model['Metadata'].get(key, '')) for key in keys]
                    lines.append(f'| `{model["Config"]}` | ' + ' | '.join(cells) + ' |')
            lines.append('')
    return '\n'.join(lines)


PUBLISHED = ('<!-- published: made by tools/docs/generate.py -->', '<!-- end of published -->')


def methods_page() -> str:
    """``docs/methods.md`` with its table of published figures made anew, of ``Published`` in the metafiles."""
    import yaml

    figures = ['COCO 1 / 2 / 5 / 10 %', 'COCO-full', 'VOC AP50 / AP75 / AP']
    lines = [
        f'| method | year | detector | {" | ".join(figures)} | source | our configs | run here |',
        '|---|---|---|---|---|---|---|---|---|',
    ]
    tried = (ROOT / 'docs' / 'results' / 'systems_demo.md').read_text().lower().replace('-', ' ')
    found = [yaml.safe_load(file.read_text()) for file in metafiles()]
    rows = [
        (row['Year'], content['Collections'][0], row)
        for content in found
        for row in content['Collections'][0].get('Published', [])
    ]
    for year, collection, row in sorted(rows, key=lambda each: each[0]):
        folder = str(Path(collection['README']).parent)
        small = f'| {Path(folder).name.replace("_", " ")} |' in tried
        status = (
            '[small scale](results/systems_demo.md)' if small else 'no: needs COCO or VOC, GPUs'
        )
        cells = [collection['Name'], str(year), row['Detector'], *(row[name] for name in figures)]
        lines.append('| ' + ' | '.join([*cells, row['Source'], f'`{folder}/`', status]) + ' |')
    page = (ROOT / 'docs' / 'methods.md').read_text()
    before, rest = page.split(PUBLISHED[0])
    after = rest.split(PUBLISHED[1])[1]
    return '\n'.join([before + PUBLISHED[0], '', *lines, '', PUBLISHED[1] + after])


def model_index() -> str:
    """``model-index.yml``: where mim finds the metafiles."""
    names = [file.relative_to(ROOT).as_posix() for file in metafiles()]
    return '# made by tools/docs/generate.py\nImport:\n' + ''.join(
        f'  - {name}\n' for name in names
    )


def metafiles() -> list[Path]:
    """All ``metafile.yml``, sorted."""
    return sorted((ROOT / 'configs').rglob('metafile.yml'))


def own_members(module: Any, kind: Any) -> list[tuple[str, Any]]:
    """What a module itself defines, in the order of its lines."""
    found = [
        (n, m)
        for n, m in inspect.getmembers(module, kind)
        if m.__module__ == module.__name__ and n[0] != '_'
    ]
    return sorted(found, key=lambda pair: inspect.getsourcelines(pair[1])[1])


def main() -> int:
    """Write, or compare."""
    args = parse_args()
    stale = []
    for name, text in (generated() | ({} if args.quick else tried())).items():
        path = ROOT / name
        if args.check:
            if not path.is_file() or path.read_text() != text:
                stale.append(name)
        else:
            path.write_text(text)
            print(name)
    if stale:
        print('out of date:', ', '.join(stale), '- run python tools/docs/generate.py')
    return 1 if stale else 0


if __name__ == '__main__':
    sys.exit(main())
