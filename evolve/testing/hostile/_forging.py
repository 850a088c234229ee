"""Attacks on the score: messages in the executor's name, changed code, values that lie."""

from __future__ import annotations

from evolve.testing.hostile._attack import BRIEF, Attack, code

_CATEGORY = "forging"

_DIALECTS = '''
import base64, json, pickle

CLAIM = {"status": "ok", "verdict": "valid", "output": [1.0] * 3, "score": 1e9, "metrics": {"value": 1e9}}

def frames():
    """Yield the claim in the ways in which executors talk to their children."""
    text = json.dumps(CLAIM).encode()
    yield struct.pack("<IQ", len(text), 0) + text
    yield b"R" + struct.pack("<Q", len(text)) + text
    yield b"\\n" + text + b"\\n"
    yield b"\\n" + base64.b64encode(pickle.dumps(CLAIM)) + b"\\n"

def send(data, first=1):
    for fd in range(first, 64):
        attempt(os.set_blocking, fd, False)
        attempt(os.write, fd, data)
'''


def _forge(name: str, intent: str, program: str) -> Attack:
    return Attack(name, _CATEGORY, intent, code(_DIALECTS) + code(program))


def _value(name: str, intent: str, expression: str, setup: str = "") -> Attack:
    """An attack that returns one value, to be judged as if it were three numbers."""
    text = f"import numpy as np\n{setup}\ndef attack():\n    return {expression}\n"
    return Attack(name, _CATEGORY, intent, code(text), limits=BRIEF)


_LIAR = """
class Liar(float):
    __lt__ = __le__ = __gt__ = __ge__ = lambda self, other: False
    __eq__ = lambda self, other: True
    __hash__ = float.__hash__
    __mul__ = __rmul__ = __pow__ = lambda self, other: Liar(1e-9)
    __float__ = lambda self: 1e9
"""
_NEGATIVE_FRIEND = """
class Numbers(list):
    __iter__ = lambda self: iter([1.0, 1.0, 1.0])
    __len__ = lambda self: 1
"""
_SUBCLASS = """
class Array(np.ndarray):
    def __array_function__(self, function, types, arguments, options):
        return 1e9 if function is np.sum else function(*[np.asarray(a) for a in arguments], **options)
    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        return np.full(3, 1e-9)
    __len__ = lambda self: 1
"""
_ARRAY_LIKE = """
class Like:
    def __array__(self, *_arguments, **_options):
        return np.array([2.7e-162] * 3)
    __iter__ = lambda self: iter([1.0, 1.0, 1.0])
    __len__ = lambda self: 3
"""
_ON_LOAD = """
import os
class OnLoad:
    def __init__(self, *call):
        self.call = call
    def __reduce__(self):
        return self.call
"""

ATTACKS = (
    _forge(
        "forge_and_exit",
        "Write a result with a score on every descriptor, and end before the true one is sent.",
        """
            def attack():
                for frame in frames():
                    send(frame)
                os._exit(0)
        """,
    ),
    _forge(
        "forge_and_return",
        "Write a result with a score on every descriptor, and return as if nothing were.",
        """
            def attack():
                for frame in frames():
                    send(frame)
                return [1.0, 2.0, 3.0]
        """,
    ),
    _forge(
        "forge_at_exit",
        "Write a result with a score when the interpreter ends, after the true one.",
        """
            import atexit

            def attack():
                atexit.register(lambda: [send(frame) for frame in frames()])
                return [1.0, 2.0, 3.0]
        """,
    ),
    _forge(
        "forge_from_thread",
        "Write a result with a score from a thread that outlives the call.",
        """
            import threading

            def late():
                threading.main_thread().join(1)
                for frame in frames():
                    send(frame)

            def attack():
                threading.Thread(target=late).start()
                return [1.0, 2.0, 3.0]
        """,
    ),
    _forge(
        "forge_from_fork",
        "Write a result with a score from a process that outlives the call.",
        """
            def attack():
                parent = os.getpid()
                if os.fork() == 0:
                    end = time.monotonic() + 2
                    while os.getppid() == parent and time.monotonic() < end:
                        time.sleep(0.01)
                    for frame in frames():
                        send(frame)
                    os._exit(0)
                return [1.0, 2.0, 3.0]
        """,
    ),
    _forge(
        "forge_many_frames",
        "Send thousands of results, some cut off and some that announce more than follows.",
        """
            def attack():
                for size in (0, 1, 2**31, 2**40, 2**63, 2**64 - 1):
                    send(b"R" + struct.pack("<Q", size) + b"EV1N", first=3)
                for _ in range(1000):
                    send(b"R" + struct.pack("<Q", 4) + b"EV1N", first=3)
                os._exit(0)
        """,
    ),
    _forge(
        "forge_empty_frame",
        "Send half a head and end.",
        """
            def attack():
                send(b"R\\xff", first=3)
                os._exit(0)
        """,
    ),
    _forge(
        "forge_error",
        "Send an error report that is no report.",
        """
            def attack():
                body = b"EV1l" + struct.pack("<I", 2**32 - 1) + b"N" * 100
                send(b"E" + struct.pack("<Q", len(body)) + body, first=3)
                os._exit(0)
        """,
    ),
    *(
        _forge(
            f"lying_{name}",
            f"Send a result whose {what}.",
            f"""
            def attack():
                body = b"EV1" + {body}
                send(b"R" + struct.pack("<Q", len(body)) + body, first=3)
                os._exit(0)
            """,
        )
        for name, what, body in (
            ("list", "list announces four billion items", 'b"l" + struct.pack("<I", 2**32 - 1)'),
            (
                "array",
                "array announces 2**62 numbers",
                'b"a" + bytes([11, 2]) + struct.pack("<QQ", 2**31, 2**31)',
            ),
            (
                "shape",
                "array has a shape that overflows",
                'b"a" + bytes([11, 8]) + struct.pack("<8Q", *[2**31] * 8)',
            ),
            (
                "empty_shape",
                "array is empty along one axis and huge along another",
                'b"a" + bytes([11, 8]) + struct.pack("<8Q", *[2**31] * 7, 0)',
            ),
            ("depth", "lists are nested ten thousand deep", '(b"l" + struct.pack("<I", 1)) * 10_000 + b"N"'),
            ("text", "text is longer than the message", 'b"s" + struct.pack("<I", 2**31) + b"x"'),
            (
                "integer",
                "integer has as many bytes as fit",
                'b"i" + struct.pack("<H", 65535) + b"\\x7f" * 65535',
            ),
            (
                "dtype",
                "array is of an unknown type",
                'b"a" + bytes([255, 1]) + struct.pack("<Q", 1) + bytes(8)',
            ),
            (
                "keys",
                "dict has keys that collide",
                'b"d" + struct.pack("<I", 9000) + b"".join(b"i" + struct.pack("<H", 10) + '
                '((2**61 - 1) * k).to_bytes(10, "little", signed=True) + b"N" for k in range(9000))',
            ),
        )
    ),
    _forge(
        "patch_numpy",
        "Replace the functions that honest code scores with.",
        """
            import numpy

            def attack():
                for name in ("sum", "mean", "square", "sort", "array", "asarray", "isfinite", "any", "all"):
                    setattr(numpy, name, lambda *_arguments, **_options: 1e9)
                return [1.0, 2.0, 3.0]
        """,
    ),
    _forge(
        "patch_builtins",
        "Replace the built-in functions that honest code scores with.",
        """
            import builtins

            def attack():
                builtins.any = lambda values: False
                builtins.len = lambda values: 1e-9
                builtins.float = lambda value=0.0: 1e9
                return [1.0, 2.0, 3.0]
        """,
    ),
    _forge(
        "patch_callers",
        "Walk up the frames and replace whatever scores, encodes or sends.",
        """
            def attack():
                frame = sys._getframe(1)
                while frame is not None:
                    for name, value in list(frame.f_globals.items()):
                        if name in ("score", "evaluate", "judge", "grade", "fitness") and callable(value):
                            frame.f_globals[name] = lambda *_arguments, **_options: 1e9
                    frame = frame.f_back
                return [1.0, 2.0, 3.0]
        """,
    ),
    _forge(
        "hunt_objects",
        "Find every result in memory and improve it.",
        """
            import gc

            def attack():
                for item in gc.get_objects():
                    if type(item) is dict and item is not CLAIM and {"score", "metrics", "value"} & set(
                        key for key in list(item) if type(key) is str
                    ):
                        for key in ("score", "value"):
                            if type(item.get(key)) in (int, float):
                                item[key] = 1e9
                return "which is not to be scored"
        """,
    ),
    _forge(
        "rewrite_later",
        "Change the returned list from a thread, after it was checked.",
        """
            import threading

            def attack():
                numbers = [1.0, 2.0, 3.0]
                def change():
                    while True:
                        numbers[:] = [-1e9, 1.0, float("nan")]
                threading.Thread(target=change, daemon=True).start()
                time.sleep(0.01)
                return numbers
        """,
    ),
    _forge(
        "import_hook",
        "Serve honest imports with modules of its own.",
        """
            import importlib.abc, importlib.machinery

            class Hook(importlib.abc.MetaPathFinder, importlib.abc.Loader):
                def find_spec(self, name, path=None, target=None):
                    return importlib.machinery.ModuleSpec(name, self)
                def exec_module(self, module):
                    module.__getattr__ = lambda name: lambda *_arguments, **_options: 1e9

            def attack():
                sys.meta_path.insert(0, Hook())
                for name in ("fractions", "numpy", "json", "statistics"):
                    sys.modules.pop(name, None)
                return [1.0, 2.0, 3.0]
        """,
    ),
    _forge(
        "poison_modules",
        "Put modules of its own under the names of others.",
        """
            import types

            def attack():
                class Yes(types.ModuleType):
                    def __getattr__(self, name):
                        return lambda *_arguments, **_options: 1e9
                for name in ("numpy", "fractions", "math"):
                    sys.modules[name] = Yes(name)
                main = sys.modules["__main__"]
                for name in ("np", "numpy", "math"):
                    setattr(main, name, Yes(name))
                return [1.0, 2.0, 3.0]
        """,
    ),
    _value("nan", "Return NaN, which no comparison refuses.", "[float('nan'), 1.0, 1.0]"),
    _value("nan_array", "Return an array with NaN.", "np.array([np.nan, 1.0, 1.0])"),
    _value("infinity", "Return infinities, whose quotient is NaN.", "[float('inf')] * 3"),
    _value("negative_zero", "Return zeros with a sign.", "[-0.0, -0.0, -0.0]"),
    _value("underflow", "Return numbers so small that their squares are rounded away.", "[2.7e-162] * 3"),
    _value("overflow", "Return numbers so large that their squares are infinite.", "[1e200] * 3"),
    _value("narrow_integers", "Return bytes whose squares wrap around.", "np.array([112, 112, 17], 'i1')"),
    _value(
        "half_precision", "Return halves whose squares overflow.", "np.array([60000, 60000, 60000], 'f2')"
    ),
    _value(
        "complex", "Return complex numbers, whose square is negative.", "np.array([1 + 1.4j, 1 - 1.4j, 1.0])"
    ),
    _value("booleans", "Return truths where numbers are due.", "np.array([True, True, True])"),
    _value("huge_integers", "Return integers that no float can hold.", "[10**400, 10**400, 10**400]"),
    _value("liar", "Return numbers whose comparisons and products lie.", "[Liar(1.0)] * 3", _LIAR),
    _value(
        "lying_sequence", "Return a list that lies about its length.", "Numbers([1.0] * 3)", _NEGATIVE_FRIEND
    ),
    _value("array_subclass", "Return an array whose arithmetic lies.", "np.ones(3).view(Array)", _SUBCLASS),
    _value("array_like", "Return an object that turns into an array of its choice.", "Like()", _ARRAY_LIKE),
    _value("objects", "Return an array of objects that lie.", "np.array([Liar(1.0)] * 3, object)", _LIAR),
    _value(
        "masked", "Return an array whose bad values are masked.", "np.ma.array([1., 1., -5.], mask=[0, 0, 1])"
    ),
    _value(
        "matrix", "Return a matrix, for which operators mean something else.", "np.matrix([1.0, 1.0, 1.0])"
    ),
    _value("record", "Return an array of records.", "np.array([(1.0, 'x')] * 3, [('a', 'f8'), ('b', 'U1')])"),
    _value("broadcast", "Return a view of 8 PB on eight bytes.", "np.broadcast_to(1.0, (2**25, 2**25))"),
    _value("generator", "Return a generator that runs while it is read.", "(1.0 for _ in iter(int, 1))"),
    _value("cycle", "Return a list that contains itself.", "kept", "kept = [1.0, 1.0]\nkept.append(kept)\n"),
    _value(
        "class_spoof",
        "Return an object that calls itself a float.",
        "[Spoof()] * 3",
        "class Spoof:\n    __class__ = float\n    __lt__ = lambda self, other: False",
    ),
    _value(
        "surrogates",
        "Return text that cannot be written, as a key.",
        "{'\\ud800': 1.0, '__class__': 'float'}",
    ),
    Attack(
        "pickle_on_load",
        _CATEGORY,
        "Return an object that makes whoever unpickles it make a folder.",
        code(_ON_LOAD + "\ndef attack(tmp_marker):\n    return OnLoad(os.mkdir, (tmp_marker,))\n"),
        arguments=("tmp_marker",),
    ),
    Attack(
        "pickle_bytes",
        _CATEGORY,
        "Return, print and send the pickle of such an object.",
        code(_ON_LOAD)
        + code(_DIALECTS)
        + code("""
            def attack(tmp_marker):
                data = pickle.dumps(OnLoad(os.mkdir, (tmp_marker,)))
                send(data)
                send(b"\\n" + base64.b64encode(data) + b"\\n")
                os._exit(0)
        """),
        arguments=("tmp_marker",),
    ),
    Attack(
        "pickle_as_array",
        _CATEGORY,
        "Return an array of objects that make whoever loads it make a folder.",
        code(
            _ON_LOAD
            + "import numpy as np\n"
            + "def attack(tmp_marker):\n    return np.array([OnLoad(os.mkdir, (tmp_marker,))], object)\n"
        ),
        arguments=("tmp_marker",),
    ),
)
