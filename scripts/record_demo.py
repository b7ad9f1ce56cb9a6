"""Record docs/images/demo.gif: a training job on the TRAIN page, from its sheet to its lineage, on a system that runs.

python scripts/record_demo.py [--output FILE] [--frames DIRECTORY]
"""

from __future__ import annotations

import argparse
import io
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageSequence
from playwright.sync_api import Locator, Page, ViewportSize, expect

ROOT: Final = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT)]

from training_pipeline.testing.polling import until  # noqa: E402
from training_pipeline.testing.ui.browsers import alive, chromium, environment_of, free_port  # noqa: E402

COMMAND: Final = [sys.executable, "-c", "from training_pipeline.cli.app import main; main()"]
SIZE: Final = (960, 680)  # as wide as a README is shown
COLOURS: Final = 255  # one less than a GIF has, which leaves one for "as before"
#: What is typed into the form. With a lower rate than "auto" the curves fall for longer.
REQUEST: Final = {"model_name": "triage-model", "learning_rate": "0.0005"}
#: Of a training this many frames are shown, however long it takes.
TRAINING_FRAMES: Final = 28
#: A training that takes longer than this is given up.
LONGEST_SECONDS: Final = 240
#: Outline of the pointer, from its tip; it is drawn four times as large and then made smaller, for smooth edges.
POINTER: Final = ((0, 0), (0, 17), (4, 13.4), (6.8, 19.6), (9.6, 18.4), (6.9, 12.4), (12.2, 12.2))


class Frame(NamedTuple):
    """What is shown, and for how many milliseconds."""

    picture: Image.Image
    milliseconds: int


class Recording:
    """Takes frames of a page, with a pointer that goes where the mouse is. The times are those of the recording."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.frames: list[Frame] = []
        self._pointer = (SIZE[0] * 0.62, SIZE[1] * 0.72)
        self._arrow = _arrow()

    def hold(self, seconds: float) -> None:
        """Show the page as it is now for so long."""
        self._add(self._seen(), seconds)

    def click(self, target: Locator) -> None:
        """Move the pointer to an element, and click it."""
        self.move(target)
        target.click()

    def move(self, target: Locator) -> None:
        """Move the pointer to an element, which is scrolled into view before."""
        self.reveal(target)
        box = target.bounding_box()
        assert box is not None, target
        seen, start = self._seen(), self._pointer
        end = (box["x"] + min(box["width"] * 0.6, 90), box["y"] + box["height"] * 0.6)
        for share in (0.1, 0.3, 0.55, 0.8, 0.95, 1.0):
            self._pointer = (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)
            self._add(seen, 0.06)
        self.page.mouse.move(*end)
        self.hold(0.25)

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        for letter in text:
            self.page.keyboard.type(letter)
            self.hold(0.06)

    def follow(self, end: Locator, meanwhile: Callable[[], None], *, frames: int, seconds: float) -> None:
        """Show each change of the page until an element is there, thinned to so many frames of so long."""
        seen: list[Image.Image] = []

        def look() -> None:
            meanwhile()
            picture = self._seen()
            if not seen or picture.tobytes() != seen[-1].tobytes():
                seen.append(picture)

        wait(end, meanwhile=look)
        step = max(1.0, len(seen) / frames)
        for place in range(min(frames, len(seen))):
            self._add(seen[int(place * step)], seconds)

    def reveal(self, target: Locator) -> None:
        """Scroll, where the element is not wholly in view."""
        box = target.bounding_box()
        assert box is not None, target
        if box["y"] < 60 or box["y"] + box["height"] > SIZE[1] - 40:
            self.scroll(target, below_top=SIZE[1] / 3)

    def scroll(self, target: Locator, *, below_top: float) -> None:
        """Scroll until the element is so far below the top, or as far as it goes."""
        before = self.page.evaluate("window.scrollY")
        target.evaluate("(it, y) => window.scrollBy(0, it.getBoundingClientRect().top - y)", below_top)
        after = self.page.evaluate("window.scrollY")
        for share in (0.2, 0.5, 0.8, 1.0):
            self.page.evaluate("y => window.scrollTo(0, y)", before + (after - before) * share)
            self.hold(0.06)

    def _seen(self) -> Image.Image:
        shot = self.page.screenshot(animations="disabled")
        return Image.open(io.BytesIO(shot)).convert("RGB")

    def _add(self, seen: Image.Image, seconds: float) -> None:
        picture = seen.copy()
        picture.paste(self._arrow, (round(self._pointer[0]), round(self._pointer[1])), self._arrow)
        self.frames.append(Frame(picture, round(seconds * 1000)))


def _arrow() -> Image.Image:
    large = Image.new("RGBA", (64, 96))
    draw = ImageDraw.Draw(large)
    outline = [(4 + 4 * x, 4 + 4 * y) for x, y in POINTER]
    draw.polygon(outline, fill="black")
    draw.line([*outline, outline[0], outline[1]], fill="white", width=6, joint="curve")
    return large.resize((16, 24), Image.Resampling.LANCZOS)


def wait(element: Locator, *, meanwhile: Callable[[], None]) -> None:
    """Do something again and again until an element is there. Raises `TimeoutError` if that takes too long."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while not element.is_visible():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{element} is not there after {LONGEST_SECONDS} s.")
        meanwhile()
        element.page.wait_for_timeout(100)


def say(what: str) -> None:
    """Tell what is recorded, and when."""
    print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)


def tell(recording: Recording, base: str) -> None:
    """Choose a sheet, see what may be trained on, train, follow the curves, and open the lineage."""
    page = recording.page
    say("the list")
    page.goto(f"{base}/train")
    alive(page)
    page.wait_for_function("!document.querySelector('.skeleton')")
    recording.hold(1.4)
    recording.click(page.locator("a[href*='/train/new?sheet=']").first)

    say("the form")
    planned = page.locator("form .plan dl")
    planned.wait_for()
    page.wait_for_function("!document.querySelector('.skeleton')")
    recording.hold(3.2)
    for field, text in REQUEST.items():
        recording.click(page.locator(f"#field-{field}"))
        recording.type(text)
    page.wait_for_timeout(1000)  # the form waits for a pause before it asks what would happen
    expect(page.locator("form aside [role=status]")).to_have_text("")
    recording.hold(0.6)
    recording.click(page.locator("form button[type=submit]"))

    say("the launch")
    for status in ("pending", "queued", "running"):
        page.locator(f".title .badge.is-{status}, .title .badge.is-running").wait_for(timeout=LONGEST_SECONDS * 1000)
        recording.hold(0.7)
    job = page.url.rpartition("/")[2]
    recording.click(page.locator(".tabs a[href$='/metrics']"))
    recording.hold(0.6)

    def poll() -> None:
        """Ask the backend at once: the sensor does so too, less often than a recording has frames."""
        page.request.post(f"{base}/api/v1/training/jobs/{job}/poll", fail_on_status_code=True)

    say("the training")
    wait(page.locator(".chart-canvas[data-drawn]").first, meanwhile=poll)
    recording.follow(page.locator(".title .badge:not(.is-running)"), poll, frames=TRAINING_FRAMES, seconds=0.25)
    expect(page.locator(".title .badge.is-succeeded")).to_be_visible()
    recording.hold(2.0)

    say("the lineage")
    recording.click(page.locator(".tabs a[href$='/lineage']"))
    page.locator("#node-train").wait_for()
    recording.hold(1.2)
    recording.click(page.locator("#node-gates > summary"))
    recording.hold(1.8)
    recording.click(page.locator("#node-train > summary"))
    page.locator("#node-train tbody tr").first.wait_for()
    recording.scroll(page.locator("#node-train"), below_top=SIZE[1] / 6)
    recording.hold(3.5)


def merged(frames: list[Frame]) -> list[Frame]:
    """The frames, those that show the same put together."""
    kept: list[Frame] = []
    for frame in frames:
        if kept and kept[-1].picture.tobytes() == frame.picture.tobytes():
            kept[-1] = Frame(frame.picture, kept[-1].milliseconds + frame.milliseconds)
        else:
            kept.append(frame)
    return kept


def few_colours(frames: list[Frame]) -> list[Frame]:
    """The frames in the colours that are most common in all of them; each other one becomes the nearest of these."""
    codes = [np.asarray(frame.picture) @ np.array([1 << 16, 1 << 8, 1], dtype=np.int32) for frame in frames]
    counts = np.zeros(1 << 24, dtype=np.int64)
    for code in codes:
        counts += np.bincount(code.ravel(), minlength=counts.size)
    colours = np.flatnonzero(counts)
    parts = (colours[:, None] >> np.array([16, 8, 0])) & 255
    palette = parts[np.argsort(-counts[colours])[:COLOURS]]
    place = np.zeros(counts.size, dtype=np.uint8)
    place[colours] = np.square(parts[:, None] - palette[None]).sum(axis=2).argmin(axis=1)
    few = []
    for code, frame in zip(codes, frames, strict=True):
        picture = Image.fromarray(place[code], mode="P")
        picture.putpalette(palette.astype(np.uint8).tobytes())
        few.append(Frame(picture, frame.milliseconds))
    return few


def write(frames: list[Frame], path: Path) -> None:
    """Store the frames as a GIF that starts again at its end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *others = (frame.picture for frame in frames)
    first.save(path, save_all=True, append_images=others, duration=[frame.milliseconds for frame in frames], loop=0)
    seconds = sum(frame.milliseconds for frame in frames) / 1000
    print(f"{path}: {len(frames)} frames, {seconds:.0f} s, {path.stat().st_size / 1024:.0f} kB")


@contextmanager
def running_system(directory: Path) -> Iterator[str]:
    """The address of a `training-pipeline up` with a state directory of its own; it is stopped at the end."""
    port, log = free_port(), directory / "up.log"
    values = {"STATE_DIR": directory / "state", "API_PORT": port, "WEBSERVER_PORT": free_port(), "POLL_SECONDS": 1}
    named = {f"TRAINING_PIPELINE_{name}": str(value) for name, value in values.items()}
    environment = environment_of({**named, "TRAINING_PIPELINE_LOCAL_USER": "ada"})
    with log.open("wb") as out, subprocess.Popen([*COMMAND, "up"], env=environment, stdout=out, stderr=out) as process:
        try:
            until(lambda: process.poll() is not None or "is up" in log.read_text(), seconds=180, what=f"up ({log})")
            if process.poll() is not None:
                raise SystemExit(log.read_text())
            yield f"http://127.0.0.1:{port}"
        finally:
            subprocess.run([*COMMAND, "down"], env=environment, check=False, capture_output=True, timeout=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "images" / "demo.gif")
    parser.add_argument("--frames", type=Path, help="Directory for the frames as PNG, to look at them one by one.")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Ended."))  # and with it the system that runs
    say("the start of the system")
    with tempfile.TemporaryDirectory(prefix="tp-recording-", dir="/tmp") as scratch:
        Path(scratch).chmod(0o711)  # PostgreSQL of root runs as another user
        with running_system(Path(scratch)) as base, chromium() as browser:
            viewport: ViewportSize = {"width": SIZE[0], "height": SIZE[1]}
            recording = Recording(browser.new_context(viewport=viewport, color_scheme="light").new_page())
            recording.page.set_default_timeout(60_000)
            tell(recording, base)
    frames = few_colours(merged(recording.frames))
    write(frames, arguments.output)
    if arguments.frames:
        arguments.frames.mkdir(parents=True, exist_ok=True)
        with Image.open(arguments.output) as written:
            for number, picture in enumerate(ImageSequence.Iterator(written)):
                picture.convert("RGB").save(arguments.frames / f"{number:03}.png")


if __name__ == "__main__":
    main()
