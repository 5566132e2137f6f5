/* Values that survive a reload of this tab, or are remembered by the browser, if it allows it.

   `sessionStorage` may be full, or forbidden by the browser's settings, so that reading its name
   throws. These functions never throw. */

/** The value stored under a key, or `otherwise`. */
export function recall(key, otherwise, storage = sessionStore) {
  try {
    return JSON.parse(storage().getItem(key)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** Store a value under a key; returns whether it will survive a reload. */
export function keep(key, value, storage = sessionStore) {
  try {
    storage().setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

function sessionStore() {
  return globalThis.sessionStorage;
}

/** The value that this browser remembers under a key across tabs and visits, or `otherwise`. */
export function remembered(key, otherwise, storage = localStore) {
  return recall(key, otherwise, storage);
}

/** Remember a value across tabs and visits. */
export function remember(key, value, storage = localStore) {
  return keep(key, value, storage);
}

function localStore() {
  return globalThis.localStorage;
}
