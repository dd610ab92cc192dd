"""Cameras, addresses and video files: the latest frame, no password, whole files however it ends."""

import json
import os
import signal
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

import mmssod
from mmssod.cli import main
from mmssod.environment.errors import InputError
from mmssod.own_data import streams, watching
from mmssod.own_data.inferring import frames
from mmssod.own_data.streams import Stream, is_live, shown
from mmssod.own_data.watching import _Video, output_files


def gray(number):
    return np.full((48, 64, 3), 20 + 10 * (number % 20), np.uint8)


class Camera(BaseHTTPRequestHandler):
    """Sends Motion JPEG at 50 frames per second, ``server.most`` frames per connection."""

    def do_GET(self):
        self.server.connections += 1
        self.send_response(200)
        self.send_header('Content-Type', 'multipart/x-mixed-replace; boundary=next')
        self.end_headers()
        try:
            for number in range(self.server.most):
                data = cv2.imencode('.jpg', gray(number))[1].tobytes()
                head = f'--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n'
                self.wfile.write(head.encode() + data + b'\r\n')
                self.server.sent = number
                self.server.after(number)
                time.sleep(0.02)
        except OSError:  # the reader has gone
            pass

    def log_message(self, *args):
        pass


@pytest.fixture
def camera(monkeypatch):
    monkeypatch.setattr(streams, 'WAITS', (0.01, 0.05))
    server = ThreadingHTTPServer(('127.0.0.1', 0), Camera)
    server.most, server.connections, server.sent = 10**6, 0, -1
    server.after = lambda number: None
    server.address = f'http://user:SECRET@127.0.0.1:{server.server_port}/SECRET?key=SECRET'
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.most = 0
    server.shutdown()
    server.server_close()


@pytest.fixture
def film(tmp_path):
    writer = cv2.VideoWriter(f'{tmp_path}/film.avi', cv2.VideoWriter.fourcc(*'MJPG'), 10, (64, 48))
    for number in range(6):
        writer.write(gray(number))
    writer.release()
    return tmp_path / 'film.avi'


def infer(folder, source, out, *more):
    words = [f'{folder}/config.py', f'{folder}/iter_1.pth', source, *more, '--score-thr', 0.1]
    return main(['infer', *map(str, [*words, '--out', out, '--device', 'cpu'])])


def levels(file):
    """Mean gray of each frame of a video."""
    capture, found = cv2.VideoCapture(str(file)), []
    while (pixels := capture.read()[1]) is not None:
        found.append(pixels.mean())
    return found


def lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.parametrize(('source', 'expected'), [
    ('0', '0'),
    ('camera:0', 'camera:0'),
    ('a/film.mp4', 'a/film.mp4'),
    ('rtsp://cam:554/live', 'rtsp://cam:554'),
    ('rtsp://user:SECRET@cam:554/live', 'rtsp://cam:554'),
    ('rtsp://user:SEC@RET@cam/live', 'rtsp://cam'),
    ('rtsp://cam/user=a&password=SECRET&channel=1', 'rtsp://cam'),
    ('http://cam?key=SECRET', 'http://cam'),
    ('rtsp://user:SE/CRET@cam/live', 'rtsp://...'),
    ('rtsp://user:SE#CRET@cam', 'rtsp://...'),
    ('rtsp://cam/user=a&password=SE@CRET', 'rtsp://...'),
])  # fmt: skip
def test_messages_have_no_password(source, expected, tmp_path):
    assert shown(source) == expected
    assert is_live(source) == (source != 'a/film.mp4')
    assert not {'SE', 'CRET', 'SECRET'} & set(output_files(source, tmp_path)[0].stem.split('_'))


def test_a_file_that_is_called_as_a_camera(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / '0').mkdir()
    assert not is_live('0') and is_live('1') and is_live('camera:0') and is_live('/dev/video0')


@pytest.mark.parametrize(('every', 'numbers'), [(1, [0, 1, 2, 3, 4, 5]), (4, [0, 4])])
def test_all_frames_of_a_file(every, numbers, film):
    stream = Stream(str(film), every)
    found = []
    for frame in stream.frames():
        time.sleep(0.05)  # a slow detector
        found.append(frame)
    assert [frame.number for frame in found] == numbers
    assert [frame.seconds for frame in found] == pytest.approx([n / 10 for n in numbers])
    assert [frame.pixels.mean() for frame in found] == pytest.approx(
        [gray(n).mean() for n in numbers], abs=3
    )
    assert stream.dropped == 0 and stream.ended == 'the video ended after 6 frames'


def test_a_slow_reader_gets_the_latest_frame(camera):
    """At 50 frames a second and 0.2 s a frame about ten pass; what is given is what the camera has just sent."""
    stream, numbers = Stream(camera.address), []
    for frame in stream.frames():
        assert camera.sent - frame.number <= 15
        numbers.append(frame.number)
        if len(numbers) == 5:
            break
        time.sleep(0.2)
    steps = np.diff(numbers)
    assert stream.live and stream.dropped >= 10 and steps.min() >= 1 and steps[1:].min() >= 3
    assert threading.active_count() < 10  # the reader's thread has ended


def test_a_stream_that_breaks_is_opened_again(camera):
    camera.most = 4
    stream, numbers = Stream(camera.address), []
    for frame in stream.frames():
        numbers.append(frame.number)
        if camera.connections == 3:
            camera.most = 0
    assert camera.connections >= 3 and numbers == sorted(set(numbers)) and len(numbers) >= 3
    assert stream.ended == 'no frame came any more, nor after 2 new attempts'


@pytest.mark.parametrize(('source', 'words'), [
    ('rtsp://user:SECRET@127.0.0.1:1/SECRET', 'expected a stream .* fix: check address, user and password'),
    ('http://user:SECRET@127.0.0.1:1/?key=SECRET', 'expected a stream .* fix: '),
    ('nonsense://user:SECRET@127.0.0.1', 'expected a stream .* fix: '),
    ('rtsp://user:SECRET#1@cam', 'expected an address with one @'),
    ('camera:99', 'expected a camera with this number'),
    ('none.mp4', 'expected a camera, an address or a video file'),
])  # fmt: skip
def test_what_cannot_be_opened(source, words, run_folder, tmp_path, capfd):
    with pytest.raises((InputError, FileNotFoundError), match=words) as error:
        Stream(source)
    assert 'SECRET' not in str(error.value)
    assert infer(run_folder, source, tmp_path / 'out', '--video') == 1
    told = capfd.readouterr()
    assert 'SECRET' not in told.out + told.err and not (tmp_path / 'out').exists()


def test_files_that_are_no_whole_video(run_folder, tmp_path, capfd):
    film = tmp_path / 'film.mkv'
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*'MJPG'), 10, (64, 48))
    for number in range(40):
        writer.write(np.random.default_rng(number).integers(0, 255, (48, 64, 3), dtype=np.uint8))
    writer.release()
    data = film.read_bytes()
    film.write_bytes(data[: len(data) // 2])
    stream = Stream(str(film))
    count = len(list(stream.frames()))
    assert 10 < count < 30 and stream.ended == f'the video broke off after {count} of 40 frames'
    film.write_bytes(b'')
    assert infer(run_folder, film, tmp_path / 'out', '--video') == 1
    assert 'expected a video that OpenCV can read' in capfd.readouterr().err


def test_every_below_one(film):
    with pytest.raises(InputError, match='every: expected a whole number >= 1, got 0'):
        Stream(str(film), 0)


def test_a_film_becomes_a_video_and_lines(film, run_folder, tmp_path, capsys):
    """One line per frame with the boxes that images give, one picture per frame at the same pace."""
    out = tmp_path / 'out'
    assert infer(run_folder, film, out, '--video', '--certainty', '--every', 2) == 0
    written = lines(out / 'film.jsonl')
    assert [(line['frame'], line['seconds']) for line in written] == [(0, 0), (2, 0.2), (4, 0.4)]
    video = cv2.VideoCapture(f'{out}/film.mp4')
    assert len(levels(out / 'film.mp4')) == 3 and video.get(cv2.CAP_PROP_FPS) == 5
    assert sorted(file.name for file in out.iterdir()) == ['film.jsonl', 'film.mp4']
    look = mmssod.Detector(f'{run_folder}/config.py', f'{run_folder}/iter_1.pth', score_thr=0.1)
    for line, (frame, found) in zip(written, look.stream(str(film), every=2), strict=True):
        assert line['frame'] == frame.number and 'time' not in line
        for key, values in (
            ('score', found.scores),
            ('cls_certainty', found.p),
            ('category', found.names),
        ):
            told = [box[key] for box in line['boxes']]
            assert told == (
                pytest.approx(values.tolist(), abs=1e-6) if key != 'category' else values
            )
    total = sum(len(line['boxes']) for line in written)
    assert total > 0
    assert (
        f'{total} boxes in 3 frames of 0:00:00; ended: the video ended after 6 frames'
        in capsys.readouterr().out
    )


@pytest.mark.parametrize('sign', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_whole_files(sign, camera, run_folder, tmp_path, capfd):
    """As Ctrl-C, or a service that is stopped; the exit status is 0 since a camera has no other end."""
    camera.after = lambda number: number == 60 and os.kill(os.getpid(), sign)
    assert infer(run_folder, camera.address, tmp_path) == 0
    told = capfd.readouterr()
    assert 'ended: interrupted' in told.out and 'dropped to keep up' in told.out
    name = f'http_127_0_0_1_{camera.server_port}'
    files = [tmp_path / f'{name}.jsonl', tmp_path / f'{name}.mp4']
    assert sorted(tmp_path.iterdir()) == files
    written = lines(files[0])
    assert written and all(line['time'].endswith('+00:00') for line in written)
    # As long as the stream was, also where frames were dropped; the last line may have no picture.
    rate = cv2.VideoCapture(str(files[1])).get(cv2.CAP_PROP_FPS)
    ends = [round(line['seconds'] * rate) + 1 for line in written[-2:]]
    assert len(levels(files[1])) in ends
    assert 'SECRET' not in told.out + told.err + files[0].read_text()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_signal_is_not_lost(camera, run_folder, tmp_path, monkeypatch, capfd):
    """What its handler raises may come up in a destructor, where it goes no further."""

    def swallowed(self, pixels, image_id):
        if image_id >= 5:
            with suppress(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.1)
        return sample(self, pixels, image_id)

    sample = mmssod.Detector.sample
    monkeypatch.setattr(mmssod.Detector, 'sample', swallowed)
    assert infer(run_folder, camera.address, tmp_path) == 0
    assert 'ended: interrupted' in capfd.readouterr().out


def test_an_interrupted_film_is_not_done(film, run_folder, tmp_path, monkeypatch):
    def interrupted(self, pixels, image_id):
        if image_id == 2:
            raise KeyboardInterrupt
        return sample(self, pixels, image_id)

    sample = mmssod.Detector.sample
    monkeypatch.setattr(mmssod.Detector, 'sample', interrupted)
    assert infer(run_folder, film, tmp_path, '--video') == 130
    assert len(lines(tmp_path / 'film.jsonl')) == len(levels(tmp_path / 'film.mp4')) == 2


@pytest.mark.parametrize(('seconds', 'shown'), [
    ([], []),
    ([0], [0]),
    ([0, 0.25, 0.5], [0, 1, 2]),
    ([0, 0.5, 1.1], [0, 0, 1, 1, 2]),  # frames were dropped: the picture before stays
    ([0, 0.1, 0.25], [0, 2]),  # faster than the camera says
])  # fmt: skip
def test_the_video_keeps_time(seconds, shown, tmp_path):
    video = _Video(tmp_path / 'a.mp4', 4.0)
    for number, second in enumerate(seconds):
        video.write(np.full((48, 64, 3), 60 * (number + 1), np.uint8), second)
    video.close()
    assert levels(tmp_path / 'a.mp4') == pytest.approx([60 * (n + 1) for n in shown], abs=5)


def test_a_video_that_cannot_be_read_back(tmp_path, monkeypatch):
    video = _Video(tmp_path / 'a.mp4', 4.0)
    video.write(gray(0), 0)
    video.writer.release()
    video.part.write_bytes(b'')  # as a full disk leaves it
    with pytest.raises(OSError, match='expected a video of 1 frames.*fix: make room'):
        video.close()
    assert list(tmp_path.iterdir()) == []


def test_a_window_needs_a_display(film, run_folder, tmp_path, monkeypatch, capsys):
    build = cv2.getBuildInformation
    monkeypatch.setattr(cv2, 'getBuildInformation', lambda: 'GUI:                NONE')
    assert infer(run_folder, film, tmp_path / 'out', '--show') == 1
    assert 'got opencv-python-headless; fix: leave --show out' in capsys.readouterr().err
    monkeypatch.setattr(cv2, 'getBuildInformation', lambda: build().replace('NONE', 'QT5'))
    monkeypatch.setattr(watching, 'require_window', lambda: None)
    drawn = []
    monkeypatch.setattr(cv2, 'imshow', lambda title, pixels: drawn.append(title))
    monkeypatch.setattr(cv2, 'waitKey', lambda wait: ord('q') if len(drawn) == 3 else -1)
    assert infer(run_folder, film, tmp_path / 'out', '--show') == 0
    assert len(drawn) == len(lines(tmp_path / 'out/film.jsonl')) == 3
    assert 'ended: the window was closed' in capsys.readouterr().out


def test_a_stream_comes_alone_and_only_to_infer(film, run_folder, tmp_path, capsys):
    with pytest.raises(
        InputError, match='expected files and folders; fix: .* `mmssod infer`'
    ) as error:
        frames(['rtsp://user:SECRET@cam/live'])
    assert 'SECRET' not in str(error.value)
    assert infer(run_folder, 'rtsp://user:SECRET@cam/live', tmp_path, str(film)) == 1
    told = capsys.readouterr().err
    assert 'expected one camera, stream or video alone' in told and 'SECRET' not in told
    film.rename(tmp_path / 'film.mp4')
    assert infer(run_folder, tmp_path / 'film.mp4', tmp_path, '--video') == 1
    assert 'would be overwritten' in capsys.readouterr().err
