"""Read cameras, addresses (``rtsp://``, ``http://``) and video files frame by frame.

Of a live source the latest frame is given and older ones are dropped, so that a slow detector does not fall behind;
a video file is read whole. User, password and path of an address are in no message.
"""

from __future__ import annotations

import logging
import os.path as osp
import re
import time
from collections.abc import Generator
from dataclasses import dataclass
from threading import Condition, Event, Thread

import cv2
import numpy as np
from mmengine.logging import print_log

from mmssod.environment.errors import InputError

TIMEOUT_MS = 10_000
"""Of opening an address, and of waiting for its next frame."""
WAITS = (1.0, 2.0, 4.0, 8.0)
"""Seconds before each attempt to open a live source again that gives no frame any more."""
_CAMERA = re.compile(r'(?:camera:|/dev/video)?(\d+)')
_ADDRESS = re.compile(r'([\w+.-]+)://(.*)', re.DOTALL)


@dataclass(frozen=True)
class StreamFrame:
    """A frame of a video.

    Args:
        number: Of the frame in its source, from 0 on; dropped ones count.
        seconds: Since the first frame: of a video file by its frame rate, else by the clock.
        pixels: BGR, shape (H, W, 3), uint8.
    """

    number: int
    seconds: float
    pixels: np.ndarray


def is_live(source: str) -> bool:
    """Whether an input is a camera (``0``, ``camera:0``, ``/dev/video0``) or an address, and no file or folder."""
    if _ADDRESS.fullmatch(source):
        return True
    return bool(_CAMERA.fullmatch(source)) and not (source.isdigit() and osp.exists(source))


def shown(source: str) -> str:
    """A source for messages: of an address scheme, host and port alone, since passwords are also in paths and queries.

    Of an address whose password has a character that must be escaped, no more than the scheme.
    """
    if not (address := _ADDRESS.fullmatch(source)):
        return source
    place = re.fullmatch(r'(?:[^/?#]*@)?([^/?#@]*)(?:[/?#][^@]*)?', address[2], re.DOTALL)
    return f'{address[1]}://{place[1] if place else "..."}'


class Stream:
    """Frames of a camera, an address or a video file, one after the other, once.

    Args:
        source: ``0`` or ``camera:0``, an address, or a video file.
        every: Each so many-th frame, >= 1.

    Raises:
        ValueError: The source cannot be opened; ``every`` is below 1.
    """

    def __init__(self, source: str, every: int = 1) -> None:
        self.source, self.every, self.name = source, every, shown(source)
        self.dropped, self.ended = 0, ''
        if every < 1:
            raise InputError(f'every: expected a whole number >= 1, got {every}')
        if self.name.endswith('...'):
            raise InputError(
                f'{self.name}: expected an address with one @, before the host; fix: write @ / ? # in user, password '
                'and path as %40 %2F %3F %23'
            )
        self.capture = _open(source)
        if not self.capture.isOpened():
            raise InputError(f'{self.name}: expected {_expected(source)}')
        self.total = int(self.capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.live = is_live(source) and self.total <= 0  # an address may be that of a video file
        fps = self.capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if 1 <= fps <= 240 else 25.0  # some cameras report 0 or 90000
        self._latest: StreamFrame | None = None
        self._changed, self._stop = Condition(), Event()

    def frames(self) -> Generator[StreamFrame, None, None]:
        """The frames; afterwards ``ended`` says why there are no more."""
        return self._live_frames() if self.live else self._all_frames()

    def _all_frames(self) -> Generator[StreamFrame, None, None]:
        number = 0
        while self.capture.grab():
            if number % self.every == 0 and (pixels := self.capture.retrieve()[1]) is not None:
                yield StreamFrame(number, number / self.fps, pixels)
            number += 1
        self.ended = f'the video ended after {number} frames'
        if number < 0.9 * self.total:
            self.ended = f'the video broke off after {number} of {self.total} frames'
        self.capture.release()

    def _live_frames(self) -> Generator[StreamFrame, None, None]:
        reader = Thread(target=self._read, daemon=True)
        reader.start()
        try:
            while True:
                with self._changed:
                    while not self._latest and reader.is_alive():
                        self._changed.wait(0.1)
                    frame, self._latest = self._latest, None
                if frame is None:
                    break
                yield frame
        finally:
            self._stop.set()
            reader.join(2)  # one that waits for a camera ends by itself, with TIMEOUT_MS

    def _read(self) -> None:
        """In a thread: take each frame as it comes, and keep the latest."""
        number, begin = 0, None
        while not self._stop.is_set() and (self.capture.grab() or self._reopened()):
            now = time.monotonic()
            begin = now if begin is None else begin
            if number % self.every == 0 and (pixels := self.capture.retrieve()[1]) is not None:
                with self._changed:
                    self.dropped += self._latest is not None
                    self._latest = StreamFrame(number, now - begin, pixels)
                    self._changed.notify()
            number += 1
        self.capture.release()

    def _reopened(self) -> bool:
        """Try for some seconds to get a frame again."""
        for wait in WAITS:
            print_log(
                f'{self.name}: no frame; trying again in {wait:g} s', 'current', logging.WARNING
            )
            if self._stop.wait(wait):
                return False
            self.capture.release()
            self.capture = _open(self.source)
            if self.capture.isOpened() and self.capture.grab():
                return True
        self.ended = f'no frame came any more, nor after {len(WAITS)} new attempts'
        return False


def _open(source: str) -> cv2.VideoCapture:
    if not is_live(source):
        if not osp.isfile(source):
            raise FileNotFoundError(
                f'{source}: expected a camera, an address or a video file, found none'
            )
        return cv2.VideoCapture(source)
    if camera := _CAMERA.fullmatch(source):
        return cv2.VideoCapture(int(camera[1]))
    timeouts = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        TIMEOUT_MS,
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        TIMEOUT_MS,
    ]
    # FFmpeg by name: OpenCV's other readers print the whole address, with its password, where they fail.
    return cv2.VideoCapture(source, cv2.CAP_FFMPEG, timeouts)


def _expected(source: str) -> str:
    if not is_live(source):
        return 'a video that OpenCV can read, could not open it'
    if _CAMERA.fullmatch(source):
        return (
            'a camera with this number, could not open it; fix: connect it, end other programs that use it, or try '
            'another number (on Linux `ls /dev/video*`, in Docker `--device /dev/video0`)'
        )
    return (
        'a stream that OpenCV can read, could not open it; fix: check address, user and password, e.g. with VLC or '
        'ffplay on this machine'
    )
