"""The window: a loop of events, flight and drawing. The photo is on the screen before anything heavy is even imported."""

from __future__ import annotations

import gc
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import PhotoflightError
from core.names import printable
from core.photo import preview
from core.pilots.keyed_path import KeyedPath
from viewer import actions, welcome
from viewer.clock import Clock
from viewer.devices import Devices, contact
from viewer.dispatcher import Dispatcher
from viewer.frame_times import During, FrameTimes, Part
from viewer.hud import Hud, Meters
from viewer.instruments import instruments
from viewer.keyboard import keyboard_of
from viewer.loader import Loader
from viewer.quality import Quality
from viewer.rehearsal import rehearsal
from viewer.saver import Saver
from viewer.settings_file import Watch, load, load_or_default, save
from viewer.stage import Corner, Stage
from viewer.trace import trace
from viewer.window import dispatch_events, display_rate, open_window

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from core.flight import Flight
    from core.frame import Frame
    from core.photo import Photo
    from viewer.capture import Capture
    from viewer.hotkey import Hotkey
    from viewer.loader import Loaded
    from viewer.options import FlyOptions
    from viewer.panel.panels import Panels
    from viewer.recorder import Recorder
    from viewer.settings import Settings

PACE = 1.05  # times the display's rate is as fast as frames are made: where the flip waits for the display this never holds it up
LONGEST_STEP = 0.1  # seconds of flight in one frame at most: after a stall the camera does not jump
METER_SECONDS = 0.5  # over which the frame rate is counted
HOLDS = ("speed", "height", "heading")
READ_SECONDS = 0.1  # between drawings of the instruments: faster cannot be read, and each costs 2 ms


class App:
    """One window and the flight in it. ``viewer.actions`` holds what its keys do."""

    def __init__(self, options: FlyOptions) -> None:
        self.options = options
        loaded = load_or_default()
        self.settings = loaded.settings
        self.photo: Photo | None = None
        self.window = open_window(options.size, fullscreen=options.fullscreen)
        self.window.push_handlers(self)
        self.stage = Stage(self.window.get_framebuffer_size())
        self.stage.show_photo(preview(options.photo, max(self.stage.size)).image)
        self.window.flip()
        trace("window")
        self.controls = Dispatcher()
        self.controls.keyboard = keyboard_of(self.window)
        self.devices = Devices(self.controls)
        self.hud = Hud(scale=self.window.get_pixel_ratio())
        self.meters = Meters()
        self.clock = Clock()
        self.keyed = KeyedPath()  # of the user's own keys
        self.quality = Quality()
        self.times = FrameTimes(1.0 / display_rate(self.window))  # asked for once: drivers may take long over the answer
        self.flight: Flight | None = None
        self.capture: Capture | None = None
        self.recorded: tuple[Flight, Photo, int] | None = None  # which flight is recorded, from which tick on
        self.closing: Recorder | None = None  # a recording that has ended and is still being written
        self.saver = Saver()
        self.panels: Panels | None = None  # from the first flight on
        self.running = True
        self._watch = Watch()
        self.apply(self.settings)
        self._notice = loaded.notice  # told by the first flight: until then the screen says what is being opened
        self._focused = False
        self._loader = Loader(options)
        self._hotkey = self._listen() if options.hotkey else None
        self._first_pilot = options.pilot
        self._drawn = 0.0  # when the last picture was shown
        self._changed = True  # something other than the flight has changed the picture
        self._frames, self._since = 0, time.perf_counter()
        self._overlays: dict[Corner, NDArray[np.uint8]] = {}  # what lies over the flight,
        self._read = 0.0  # drawn then
        self._sizes = ((0, 0), (0, 0))  # of the last frame's canvas and lookup

    def run(self) -> int:
        """Fly until the window is closed; return the exit code."""
        self.load(self.options.photo, self.options.also)
        before = time.perf_counter()
        try:
            while self.running and not self.window.has_exit:
                self.times.begin()
                self.window.switch_to()
                if wrong := dispatch_events(self.window):
                    self.hud.say(wrong)
                self._take_loaded()
                now = time.perf_counter()
                self._step(min(now - before, LONGEST_STEP), now)
                before = now
                time.sleep(max(0.0, self.times.period / PACE - (time.perf_counter() - now)))
        finally:
            self._close()
        return 0

    def load(self, photo: Path, also: tuple[Path, ...] = ()) -> None:
        """Prepare ``photo`` behind what is on the screen; the flight changes when it is ready. ``also`` lend their look."""
        width, height = self.stage.size
        self._loader.load(photo, self.quality.canvas(width, height), self.quality.lookup(width, height), also)
        self.meters.loading = f"opening {photo.name}"
        if self.flight is None:  # no instruments yet that would show it
            self.hud.say(self.meters.loading, seconds=math.inf)

    def apply(self, settings: Settings) -> None:
        """Fly by ``settings`` from now on. Raises ControlsError, and leaves all as it was, where their bindings cannot be."""
        self.controls.apply(settings)
        self.devices.apply(settings)
        self.settings = settings
        self.quality.choose(settings.display.quality)
        self.window.set_vsync(settings.display.vsync)
        self._fit()
        self._changed = True

    def keep(self, before: Settings, after: Settings) -> None:
        """Write what differs between two settings to the file; raises SettingsError."""
        save(before, after)
        self._watch.changed()

    def _reload(self) -> None:
        """Take up the settings file when somebody else has saved it; what is wrong with it is told, and nothing changes."""
        if not self._watch.changed():
            return
        try:
            self.apply(load().settings)
        except PhotoflightError as error:
            self.hud.say(str(error))

    def _fit(self) -> None:
        """Fit stage, text and view to the window and the settings."""
        self.stage.size = self.window.get_framebuffer_size()
        self.hud.scale = self.window.get_pixel_ratio() * self.settings.display.hud_scale
        if self.flight is not None:
            self.flight.reshape(self.stage.size[0] / self.stage.size[1], math.radians(self.settings.view.field_of_view))

    def _listen(self) -> Hotkey | None:
        """Let F9 record while another window has the focus, where the system allows it."""
        from viewer.hotkey import Hotkey

        try:
            return Hotkey()
        except PhotoflightError as error:
            self.hud.say(str(error))
            return None

    def _take_loaded(self) -> None:
        """Fly into the photo that has become ready, or say why that cannot be; then let others lend their look."""
        loaded = self._loader.poll()
        if loaded is None:
            self._take_others()
            return
        self.meters.loading = ""
        if isinstance(loaded, PhotoflightError):
            if self.flight is None:
                if self._loader.path == self.options.photo:
                    raise loaded
                self.load(self.options.photo, self.options.also)  # the drop came before the first flight
            self.hud.say(str(loaded))
            return
        self._fly(loaded)

    def _take_others(self) -> None:
        others, wrong = self._loader.poll_others()
        if others and self.flight is not None:
            self.flight.join(others)
        if wrong:
            self.hud.say(wrong)

    def _fly(self, loaded: Loaded) -> None:
        if self.flight is not None:
            self.flight.close()
        self.flight, self.photo = loaded.flight, loaded.photo
        width, height = self.stage.size
        self._fit()
        self.flight.engage(self._first_pilot)
        self._first_pilot = "manual"
        self.stage.enter(self.flight.dome)
        self.stage.rehearse(rehearsal(self.flight, self.quality.lookup(width, height)))
        if self.panels is None:
            from viewer.panel.pages import make_panels

            self.panels = make_panels(self)
            self.panels.rehearse(self.stage.screen)
            self.hud.card_visible = not self.settings.welcome.seen
        self.window.set_caption(f"{printable(loaded.photo.path.name)} - photoflight")
        self.hud.say("; ".join(filter(None, (self._notice, loaded.notice))) or "H shows the controls")
        self._notice = ""
        self._changed = True
        gc.unfreeze()  # the flight before this one may go
        gc.collect()
        gc.freeze()  # what lives as long as the flight is never scanned again, or collections would stall frames
        trace("flight")

    def _step(self, dt: float, now: float) -> None:
        """Fly and draw one frame; where nothing has changed, leave the screen as it is."""
        self.devices.poll()
        steering, pressed = self.controls.poll()
        if self._hotkey is not None and self._hotkey.poll() and not self._focused:
            pressed.append("record")
        for action in pressed:
            actions.ACTIONS[action](self)
            self.times.note(During.KEY)
            self._changed = True
        if self.hud.card_visible and (pressed or steering.touched):
            welcome.close(self)
        self.meters.holds = tuple(name for name in HOLDS if getattr(steering, f"hold_{name}"))
        self.times.mark(Part.EVENTS)
        if self.flight is not None:
            dt = self.clock.flown(dt, self.times.period)
            self.flight.advance(dt, steering)
            self.devices.rumble(contact(self.flight))
        self.times.mark(Part.FLY)
        moving = self.flight is not None and not self.flight.still and not self.clock.paused
        panel = self.panels is not None and bool(self.panels.page)
        if moving or panel or self._changed or self.capture is not None or now - self._drawn > METER_SECONDS:
            self._draw(now)
            self._count(now)
        if not moving:
            self.times.rested()

    def _draw(self, now: float) -> None:
        afresh, self._changed = self._changed, False
        width, height = self.stage.size
        if self.flight is not None:
            self.stage.fit(self.quality.canvas(width, height))
            self.flight.refiner.canvas = self.stage.canvas.size
            frame = self.flight.frame(self.quality.lookup(width, height))
            self.times.mark(Part.WARP)
            self._note(frame)
            self.stage.draw(frame)
            if self.capture is not None:
                self.times.mark(Part.DRAW)
                self._record(now)
                self.times.mark(Part.RECORD)
        self.stage.present()
        self.times.mark(Part.DRAW)
        self._draw_hud(now, afresh=afresh)
        self.times.mark(Part.HUD)
        self.window.flip()
        self.times.shown()
        self.quality.measured(time.perf_counter() - now)  # with the flip: software OpenGL draws only then

    def _note(self, frame: Frame) -> None:
        """Tell the frame times of what is new in ``frame``, or goes on beside it, and may make it late."""
        self.times.note_keyframes(frame)
        sizes = (self.stage.canvas.size, frame.newer.lookup.size)
        for during, there in (
            (During.RESOLUTION, sizes != self._sizes),
            (During.LOADING, self._loader.busy),
            (During.RECORDING, self.capture is not None),
        ):
            if there:
                self.times.note(during)
        self._sizes = sizes

    def _record(self, now: float) -> None:
        capture = self.capture
        if capture is None:
            return
        capture.shoot(self.stage.canvas, now)
        self.meters.recording, self.meters.dropped = capture.recorder.seconds, capture.recorder.dropped
        if capture.recorder.error is not None:
            self.hud.say(str(capture.recorder.error))
            actions.stop_recording(self)

    def _draw_hud(self, now: float, *, afresh: bool) -> None:
        if self.closing is not None and self.closing.done:
            self.hud.report("recording", str(self.closing.error) if self.closing.error else None)
            self.closing = None
        if self.flight is not None:
            self.hud.report("refiner", self.flight.refiner.last_error)
            self.hud.report("warp", self.flight.warper.fallback)
            self.hud.report("lookups", self.stage.renderer.fallback)
        if line := self.saver.poll():
            self.hud.say(line)
        if afresh or now - self._read >= READ_SECONDS:
            self._read, self._overlays = now, instruments(self)
        for corner, picture in self._overlays.items():
            self.stage.overlay(picture, corner)
        if self.panels is not None:
            self.panels.draw(self.stage.screen)

    def _count(self, now: float) -> None:
        self._drawn = now
        self._frames += 1
        if now - self._since >= METER_SECONDS:
            still = self.flight is not None and self.flight.still
            self.meters.fps = 0.0 if still else self._frames / (now - self._since)
            self._frames, self._since = 0, now
            self._reload()
            if self.flight is not None:
                status = self.flight.status()
                trace(
                    "meters",
                    fps=self.meters.fps,
                    refine_rate=status.refine_rate,
                    pilot=status.pilot,
                    rung=self.quality.rung,
                    late=self.times.late,
                    position=self.flight.camera.position.tolist(),
                )

    def _close(self) -> None:
        actions.end_recording(self)
        self.saver.close()
        self.devices.close()
        if self._hotkey is not None:
            self._hotkey.close()
        self._loader.close()
        if self.flight is not None:
            self.flight.close()
        if self.panels is not None:
            self.panels.release()
        self.times.close()
        frames = self.times.summary()
        trace("frames", count=frames.frames, times=frames.line, late=frames.late)
        self.window.close()

    # What pyglet calls, by its names.

    def on_key_press(self, symbol: int, modifiers: int) -> bool:
        """Take a key; True keeps pyglet's own handler (Esc closes the window) out of it."""
        del modifiers
        if self.hud.card_visible:
            welcome.close(self)
            if self.controls.action(symbol) == "quit":  # meant for the card
                return True
        return self.controls.on_key_press(symbol)

    def on_key_release(self, symbol: int, modifiers: int) -> None:
        """Take a key's release."""
        del modifiers
        self.controls.on_key_release(symbol)

    def on_mouse_drag(self, x: int, y: int, dx: int, dy: int, *buttons: int) -> None:
        """Look around."""
        del x, y, buttons
        self.controls.on_mouse_drag(dx, dy)

    def on_mouse_scroll(self, x: int, y: int, scroll_x: float, scroll_y: float) -> None:
        """Change the speed."""
        del x, y, scroll_x
        self.controls.on_mouse_scroll(scroll_y)

    def on_activate(self) -> None:
        """Take the focus."""
        self._focused = True

    def on_deactivate(self) -> None:
        """Let go of everything: releases are not reported to a window without focus."""
        self._focused = False
        self.controls.release_all()
        self.controls.keyboard.all_released()

    def on_file_drop(self, x: int, y: int, paths: list[str]) -> None:
        """Open the first of the dropped files; the others lend it their look."""
        del x, y
        if not paths:
            self.hud.say("what was dropped is no file on this machine: save the picture first")
            return
        photo, *also = map(Path, paths)
        self.load(photo, tuple(also))

    def on_resize(self, width: int, height: int) -> bool:
        """Fit view and canvas to the window; True keeps pyglet's own projection out of it."""
        del width, height
        self._fit()
        self._changed = True
        return True

    def on_expose(self) -> None:
        """Draw again what another window has covered."""
        self._changed = True


def run(options: FlyOptions) -> int:
    """Open the window and fly; return the exit code."""
    return App(options).run()
