"""The last few values that this process has computed, shared by its threads.

In: a key that covers everything a value depends on, and a function that computes it. Out: the
value, computed once for all threads, until newer ones replace it.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """A cache of the values used last; threads that need the same new value wait for one
    computation.

    Args:
        most: how many values are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._lock = threading.Lock()
        self._making = threading.RLock()  # apart, so that what is there is had at once

    def find(self, key: Key) -> Value | None:
        """Return a cached value, or None."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """Return the value of a key, computed now if it is not cached."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        with self._making:
            with self._lock:
                if key in self._values:  # made meanwhile
                    return self._values[key]
            value = make()
            self.put(key, value)
            return value

    def put(self, key: Key, value: Value) -> None:
        """Cache a value in place of the key's earlier one; the oldest values are dropped."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)

    def forget(self, matches: Callable[[Key], bool]) -> None:
        """Drop the values whose key matches."""
        with self._lock:
            for key in [key for key in self._values if matches(key)]:
                del self._values[key]

    def clear(self) -> None:
        """Drop all values."""
        with self._lock:
            self._values.clear()
