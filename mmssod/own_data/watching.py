"""Run a detector on a camera, a stream or a video: one video with boxes, and one line of json per frame."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import numpy as np

from mmssod.engine.progress import duration, with_progress
from mmssod.environment.errors import InputError
from mmssod.own_data.detector import Detector
from mmssod.own_data.inferring import draw_found
from mmssod.own_data.streams import Stream, StreamFrame, is_live, shown

INTERRUPTED = 'interrupted'


@dataclass(frozen=True)
class Watched:
    """What was seen of a stream.

    Args:
        frames: How many frames the detector looked at.
        dropped: How many came while it looked at another.
        boxes: How many it found.
        seconds: Time of the last frame.
        ended: Why there are no more, such as ``interrupted``.
    """

    frames: int
    dropped: int
    boxes: int
    seconds: float
    ended: str

    def line(self) -> str:
        """For people."""
        dropped = f' ({self.dropped} dropped to keep up)' if self.dropped else ''
        count = f'{self.boxes} boxes in {self.frames} frames{dropped}'
        return f'{count} of {duration(self.seconds)}; ended: {self.ended}'


def output_files(source: str, out: Path) -> tuple[Path, Path]:
    """The video and the lines of json that are written of a source; nothing secret is in their names."""
    name = re.sub(r'\W+', '_', shown(source)) if is_live(source) else Path(source).stem
    return out / f'{name}.mp4', out / f'{name}.jsonl'


def watch(
    look: Detector,
    stream: Stream,
    out: Path,
    *,
    pictures: bool = True,
    certainty: bool = False,
    show: bool = False,
) -> Watched:
    """Detect on each frame until the stream ends, its window is closed, or Ctrl-C; the files are whole then.

    The video lasts as long as the stream did: where frames were dropped the picture before stays.

    Args:
        look: The detector.
        stream: Not yet read.
        out: Folder for ``NAME.mp4`` and ``NAME.jsonl``; it is made.
        pictures: Whether the video is written.
        certainty: Whether p and v are drawn beside the score.
        show: Whether frames are shown in a window; Esc, or Q, closes it.

    Raises:
        ValueError: No frame came; a window that cannot be.
        OSError: The video could not be written.
    """
    if show:
        require_window()
    video_file, lines_file = output_files(stream.source, out)
    out.mkdir(parents=True, exist_ok=True)
    names = {category['id']: category['name'] for category in look.categories()}
    frames = boxes = 0
    seconds, begin = 0.0, None
    with (
        _told_to_end() as stop_if_told,
        closing(_Video(video_file, max(1.0, stream.fps / stream.every))) as video,
        closing(stream.frames()) as source,
        open(lines_file, 'w', encoding='utf-8') as lines,
    ):
        try:
            for frame in with_progress(source, 'frames'):
                stop_if_told()
                begin = begin or datetime.now(timezone.utc)
                found = look.detections(look.sample(frame.pixels, frame.number))
                lines.write(_line(frame, found, names, begin if stream.live else None))
                lines.flush()
                frames, boxes, seconds = frames + 1, boxes + len(found), frame.seconds
                if not pictures and not show:
                    continue
                drawn = draw_found(frame.pixels, found, look.classes, certainty)
                if pictures:
                    video.write(drawn, frame.seconds)
                if show and _window_closed(drawn, stream.name):
                    stream.ended = 'the window was closed'
                    break
        except KeyboardInterrupt:
            stream.ended = INTERRUPTED
    if not frames and stream.ended != INTERRUPTED:
        raise InputError(f'{stream.name}: expected at least one frame, got none ({stream.ended})')
    return Watched(frames, stream.dropped, boxes, seconds, stream.ended)


@contextmanager
def _told_to_end() -> Iterator[Callable[[], None]]:
    """SIGINT and SIGTERM raise KeyboardInterrupt once, at the latest in the call that this gives.

    What a handler raises is lost where it comes up in a destructor, and may not cut the files' end short.
    """
    told = False

    def end(*_: object) -> None:
        nonlocal told
        if not told:
            told = True
            raise KeyboardInterrupt

    def stop_if_told() -> None:
        if told:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield stop_if_told
        return
    before = {sign: signal.signal(sign, end) for sign in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop_if_told
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


def _line(frame: StreamFrame, found: list[dict], names: dict, begin: datetime | None) -> str:
    """A frame's boxes as a line of json."""
    height, width = frame.pixels.shape[:2]
    about = dict(frame=frame.number, seconds=round(frame.seconds, 3), width=width, height=height)
    if begin:
        now = begin + timedelta(seconds=frame.seconds)
        about['time'] = now.isoformat(timespec='milliseconds')
    boxes = [dict(category=names[box['category_id']], **box) for box in found]
    for box in boxes:
        del box['image_id']
    return json.dumps({**about, 'boxes': boxes}, ensure_ascii=False) + '\n'


class _Video:
    """An mp4 that takes its name when it is closed.

    Args:
        path: The file.
        rate: Frames per second.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self.path, self.rate = path, rate
        self.part = path.with_name(f'{path.stem}.{os.getpid()}.part{path.suffix}')
        self.writer: cv2.VideoWriter | None = None
        self.written, self.size, self.last = 0, (0, 0), np.empty(0)

    def write(self, pixels: np.ndarray, seconds: float) -> None:
        """Show a picture from a time on; one whose place is taken, of a camera faster than it says, is left out."""
        if self.writer is None:
            self.size = pixels.shape[1], pixels.shape[0]
            code = cv2.VideoWriter.fourcc(*'mp4v')
            self.writer = cv2.VideoWriter(str(self.part), code, self.rate, self.size)
        if pixels.shape[1::-1] != self.size:  # after a new connection
            pixels = cv2.resize(pixels, self.size)
        place = round(seconds * self.rate)
        while self.written <= place:
            self.writer.write(pixels if self.written == place else self.last)
            self.written += 1
        self.last = pixels

    def close(self) -> None:
        """Finish the file.

        Raises:
            OSError: It cannot be read back.
        """
        if self.writer is None:
            return
        self.writer.release()
        if cv2.VideoCapture(str(self.part)).get(cv2.CAP_PROP_FRAME_COUNT) <= 0:
            self.part.unlink(missing_ok=True)
            raise OSError(
                f'{self.path}: expected a video of {self.written} frames, what OpenCV wrote cannot be read; fix: make '
                'room on the disk, or leave the video out with --no-pictures'
            )
        os.replace(self.part, self.path)


def require_window() -> None:
    """Check that OpenCV can show windows.

    Raises:
        ValueError: It is built without, or there is no display.
    """
    has = re.search(r'GUI: +(\w+)', cv2.getBuildInformation())
    needs = 'show: expected an OpenCV with windows and a display'
    if has and has[1] == 'NONE':
        raise InputError(
            f'{needs}, got opencv-python-headless; fix: leave --show out and open the video that is written, or `pip '
            f'install --force-reinstall --no-deps opencv-python=={cv2.__version__}.*`'
        )
    if sys.platform == 'linux' and not {'DISPLAY', 'WAYLAND_DISPLAY'} & os.environ.keys():
        raise InputError(f'{needs}, found no display; fix: leave --show out, or `ssh -X`')


def _window_closed(pixels: np.ndarray, title: str) -> bool:
    cv2.imshow(title, pixels)
    return cv2.waitKey(1) & 0xFF in (27, ord('q'))
