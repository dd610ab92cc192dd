"""Strategies that damage valid files: json by its structure, anything by its bytes."""

import copy
import json

from hypothesis import strategies as st

CANARY = 'canary.txt'
"""File that appears where a planted text was executed."""
CODE = f"__import__('pathlib').Path('{CANARY}').write_text('x')"
ODD = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, 0.5, -0.0, 1e308, float('nan'), float('inf'), '', ' ', '0', 'x',
    CODE, '../../etc/passwd', '\x00', '\ud800', '\ufeffa', 'e\u0301', 'a' * 5000, '%s%n', '{}', '{{ fileDirname }}',
    [], [[]], {}, [None], [0, 0, 0, 0], [float('nan')] * 4, [1e308] * 4, ['a', 'b'], {'a': {}}, {'': None},
)  # fmt: skip
PIECES = (
    b'\x00', b'\xff\xfe', b'\xef\xbb\xbf', b'\r', b'\n\n', b'-', b'.', b'1e999', b'nan', b'9' * 400, b' ', b'\t', b'"',
    b'<', b'>', b'&', b'&lol;', b'<!DOCTYPE a [<!ENTITY lol "lol">]>', b'<?xml version="1.0" encoding="utf-16"?>',
    b'<object><name>x</name></object>', b'{', b'}', b'[', b']', b',', b':', b'!!python/object/apply:os.system ["x"]',
    b'*a', b'&a [*a]', b'\xc3\x28', b'\xed\xa0\x80', CODE.encode(), b'../', b'/', b'~', b'$HOME', b'%00',
)  # fmt: skip


def places(document, path=()):
    """The paths of all values in a json document, of the document itself first."""
    yield path
    if isinstance(document, dict):
        for key in document:
            yield from places(document[key], (*path, key))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from places(value, (*path, index))


@st.composite
def json_mutants(draw, document):
    """A document with one to three values replaced, taken out, doubled, or under another name."""
    document = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(places(document))))
        if not path:
            if draw(st.integers(0, 9)) == 0:
                return draw(st.sampled_from(ODD))
            continue
        holder = document
        for key in path[:-1]:
            holder = holder[key]
        key = path[-1]
        match draw(st.sampled_from(('replace', 'replace', 'remove', 'double', 'rename'))):
            case 'replace':
                holder[key] = copy.deepcopy(draw(st.sampled_from(ODD)))
            case 'remove':
                del holder[key]
            case 'double' if isinstance(holder, list):
                holder.insert(key, copy.deepcopy(holder[key]))
            case 'rename' if isinstance(holder, dict):
                name = draw(st.sampled_from(('', 'x', CODE, 'id', 'bbox', '__class__')))
                holder[name] = holder.pop(key)
    return document


def json_bytes(document):
    """As a file; lone surrogates, NaN and whole numbers of any length included."""
    return json.dumps(document).encode('utf-8', 'surrogatepass')


@st.composite
def byte_mutants(draw, content):
    """A file with one to four pieces put in, taken out, moved or changed."""
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        to = min(at + draw(st.sampled_from((1, 2, 8, 64, 10**6))), len(content))
        match draw(st.sampled_from(('insert', 'insert', 'remove', 'flip', 'double', 'cut'))):
            case 'insert':
                content = content[:at] + draw(st.sampled_from(PIECES)) + content[at:]
            case 'remove':
                content = content[:at] + content[to:]
            case 'flip' if at < len(content):
                changed = content[at] ^ (1 << draw(st.integers(0, 7)))
                content = content[:at] + bytes([changed]) + content[at + 1 :]
            case 'double':
                content = content[:to] + content[at:to] + content[to:]
            case 'cut':
                content = content[:at]
    return content
