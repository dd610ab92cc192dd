"""What makes the tutorial's outputs and the report's screenshots."""

import json
import runpy
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PAGE = """# T

```shell
echo one \\
    two   # a comment
echo {second}
```

<!-- output: two -->
```text
old
```

Words.

```shell
echo unshown
```

```shell
printf '11/28 15:03:10 - mmengine - INFO - said\\n'
```

<!-- output -->
```text
```
"""


@pytest.fixture
def tutorial(tmp_path, monkeypatch):
    space = runpy.run_path(str(ROOT / 'tools/docs/tutorial.py'))
    monkeypatch.setitem(space['run_all'].__globals__, 'NOTES', tmp_path / 'notes.json')
    return space


def test_outputs_go_where_the_page_wants_them(tutorial):
    text = PAGE.format(second='no')
    steps = tutorial['run_all'](text)
    assert [step.command for step in steps][0] == 'echo one two'
    made = tutorial['with_outputs'](text, steps)
    # the line without 'two' is left out
    assert '<!-- output: two -->\n```text\none two\n```' in made
    assert 'old' not in made and '```text\nsaid\n```' in made
    assert made.count('```text') == 2 and '\nWords.\n' in made
    assert tutorial['with_outputs'](made, steps) == made  # a second time changes nothing


def test_a_second_call_goes_on(tutorial, tmp_path):
    """What is done is not run again; from the first other command on all is."""
    notes = tmp_path / 'notes.json'
    tutorial['run_all'](PAGE.format(second='no'))
    done = json.loads(notes.read_text())
    done[0]['output'] = 'kept'
    done[3]['output'] = 'stale'
    notes.write_text(json.dumps(done))
    steps = tutorial['run_all'](PAGE.format(second='other'))
    assert steps[0].output == 'kept' and steps[1].output == 'other\n'
    assert 'stale' not in steps[3].output


def test_a_failure_stops_and_is_not_noted(tutorial, tmp_path):
    with pytest.raises(SystemExit, match='status 3 of: exit 3'):
        tutorial['run_all']('```shell\necho good\nexit 3\necho never\n```\n')
    assert [step['command'] for step in json.loads((tmp_path / 'notes.json').read_text())] == [
        'echo good'
    ]


def test_outputs_are_cleaned(tutorial):
    clean = tutorial['clean']
    assert clean('\x1b[32mgreen\x1b[0m\nnew  \n') == 'green\nnew'
    assert clean(f'{ROOT}/docs/x') == 'docs/x'
    long = clean(' '.join(['word'] * 50))
    assert max(map(len, long.splitlines())) <= 116 and long.split() == ['word'] * 50
    many = clean('\n'.join(map(str, range(100)))).splitlines()
    assert (many[0], many[25], many[-1], len(many)) == ('0', '... 50 lines ...', '99', 51)


def test_the_tutorial_is_in_the_form_that_the_tool_reads(tutorial):
    """Each marker belongs to a block, and another length is that of every project."""
    text = (ROOT / 'docs/tutorial.md').read_text()
    found = [m for m in tutorial['BLOCK'].finditer(text) if m['marker']]
    assert len(found) == text.count('<!-- output') >= 6
    assert tutorial['page_text'](None) == text
    commands = tutorial['page_text'](7)
    assert commands.count('mmssod new data') == commands.count(' --iterations 7\n') >= 1


def test_times_of_the_commands(tutorial):
    step = tutorial['Step']
    steps = [
        step('echo quick', '', 0.4, '2026-12-01'),
        step('mmssod run ' + 60 * 'x', '', 61.6, '2026-12-02'),
    ]
    page = tutorial['with_outputs']('# T\n\n<!-- times -->\n\nWords.\n', steps)
    assert page.count('| `mmssod run ...` | 62 | 2026-12-02 |') == 1 and 'quick' not in page
    assert page.endswith('\n\nWords.\n') and tutorial['with_outputs'](page, steps) == page


SITE = """<!doctype html><title>t</title><body><p>text</p><div id="label-gallery" style="height:2000px">{}</div>"""


@pytest.fixture(scope='module')
def screenshots():
    space = runpy.run_path(str(ROOT / 'tools/docs/screenshots.py'))
    try:
        with space['browser']():
            pass
    except RuntimeError as error:
        pytest.skip(str(error))
    return space


def test_screenshots(screenshots, tmp_path):
    (tmp_path / 'page.html').write_text(SITE.format('pictures'))
    files = screenshots['take'](tmp_path / 'page.html', tmp_path / 'out')
    sizes = {file.name: Image.open(file).size for file in files}
    assert sizes == {
        'report_wide.png': (1280, 900),
        'report_phone.png': (390, 844),
        'report_pictures.webp': (1280, 640),
    }


def test_a_page_that_complains_gets_no_screenshot(screenshots, tmp_path):
    (tmp_path / 'page.html').write_text(SITE.format('<script>console.error("broken")</script>'))
    with pytest.raises(RuntimeError, match='broken'):
        screenshots['take'](tmp_path / 'page.html', tmp_path / 'out')


@pytest.mark.parametrize(('link', 'leads'), [
    ('other.html', True), ('other.html#here', True), ('other.html#gone', False), ('gone.html', False),
    ('#own', True), ('#gone', False), ('sub/a%20b.png', True), ('https://example.org/gone#gone', True),
    ('mailto:a@b', True), ('sub/', True),
])  # fmt: skip
def test_links_that_lead_nowhere_are_found(link, leads, tmp_path):
    broken = runpy.run_path(str(ROOT / 'tools/docs/links.py'))['broken']
    (tmp_path / 'sub').mkdir()
    (tmp_path / 'sub/a b.png').touch()
    (tmp_path / 'other.html').write_text('<p id="here"><a href="">here</a>')
    (tmp_path / 'page.html').write_text(
        f'<p id="own"><a href="{link}">x</a><img src="sub/a b.png">'
    )
    assert broken(tmp_path) == ([] if leads else [f'page.html: {link}'])
