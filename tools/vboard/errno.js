// Error numbers as MicroPython boards know them, whatever the host or Emscripten calls them.

const NUMBERS = {
  EPERM: 1,
  ENOENT: 2,
  EIO: 5,
  EBADF: 9,
  EAGAIN: 11,
  EACCES: 13,
  EEXIST: 17,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENOSPC: 28,
  EROFS: 30,
  ENAMETOOLONG: 36,
  ENOTEMPTY: 39,
};

export const { EAGAIN } = NUMBERS;

// libc in the machine takes this one for "interrupted, look for pending exceptions".
export const EINTR = 27;

/** Throws what the host's file system throws, for an error of the board's own. */
export function fail(code) {
  throw Object.assign(new Error(code), { code });
}

/** The number for an error of the file system; what is none is thrown on. */
export function numberOf(error) {
  if (error.code in NUMBERS) return NUMBERS[error.code];
  if (error.syscall) return NUMBERS.EIO;
  throw error;
}
