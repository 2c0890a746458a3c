// The board's file system: the system calls that MicroPython's VfsPosix makes, answered from
// a folder of the host. All of it is written through, so ending the process is a power cut.
// /rom is a second folder, read-only: the board's own modules.

import fs from "node:fs";
import path from "node:path";

import { fail, numberOf } from "./errno.js";

const BLOCK = 4096; // bytes: what a real board's flash erases at once
const ROM = "/rom";

const O_ACCESS = 3;
const O_CREAT = 0o100;
const O_TRUNC = 0o1000;
const O_APPEND = 0o2000;
const O_DIRECTORY = 0o200000;
const ACCESS = [fs.constants.O_RDONLY, fs.constants.O_WRONLY, fs.constants.O_RDWR];

const SEEK = { SET: 0, CUR: 1, END: 2 };
const DIRENT = { size: 280, directory: 4, file: 8 };
const FIRST_FD = 3;

export class Flash {
  #folder;
  #rom;
  #blocks;
  #memory;
  #cwd = "/";
  #open = new Map(); // fd: {file, at, append} or {names, at}

  /** folder, rom: the host's folders; bytes: how much `folder` may hold. */
  constructor(folder, rom, bytes, memory) {
    this.#folder = folder;
    this.#rom = rom;
    this.#blocks = Math.floor(bytes / BLOCK);
    this.#memory = memory;
  }

  /** The functions that take the place of libc's imports. */
  get systemCalls() {
    const calls = {
      __syscall_chdir: (at) => this.#chdir(this.#path(at)),
      __syscall_getcwd: (at, size) => this.#memory.setString(at, size, this.#cwd) || fail("EINVAL"),
      __syscall_openat: (_, at, flags) => this.#openAt(this.#path(at), flags),
      __syscall_mkdirat: (_, at) => this.#mkdir(this.#writable(at)),
      __syscall_rmdir: (at) => fs.rmdirSync(this.#writable(at)),
      __syscall_unlinkat: (_, at) => this.#unlink(this.#writable(at)),
      __syscall_renameat: (_, from, __, to) =>
        fs.renameSync(this.#writable(from), this.#writable(to)),
      __syscall_stat64: (at, into) => this.#stat(fs.statSync(this.#host(this.#path(at))), into),
      __syscall_getdents64: (fd, into, size) => this.#readDirectory(fd, into, size),
      __syscall_statfs64: (_, __, into) => this.#statfs(into),
    };
    for (const [name, call] of Object.entries(calls)) {
      calls[name] = (...args) => {
        try {
          return call(...args) ?? 0;
        } catch (error) {
          return -numberOf(error);
        }
      };
    }
    return calls;
  }

  read(fd, buffers) {
    const open = this.#file(fd);
    let total = 0;
    for (const buffer of buffers) {
      const n = fs.readSync(open.file, buffer, 0, buffer.length, open.at);
      open.at += n;
      total += n;
      if (n < buffer.length) break;
    }
    return total;
  }

  write(fd, buffers) {
    const open = this.#file(fd);
    const size = fs.fstatSync(open.file).size;
    if (open.append) open.at = size;
    const length = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
    this.#reserve(blocksOf(Math.max(size, open.at + length)) - blocksOf(size));
    for (const buffer of buffers) {
      fs.writeSync(open.file, buffer, 0, buffer.length, open.at);
      open.at += buffer.length;
    }
    return length;
  }

  seek(fd, offset, whence) {
    const open = this.#get(fd);
    const base = { [SEEK.SET]: 0, [SEEK.CUR]: open.at };
    if (whence === SEEK.END) base[whence] = fs.fstatSync(this.#file(fd).file).size;
    if (!(base[whence] + offset >= 0)) fail("EINVAL");
    open.at = base[whence] + offset;
    return open.at;
  }

  close(fd) {
    const open = this.#get(fd);
    this.#open.delete(fd);
    if (open.file !== undefined) fs.closeSync(open.file);
  }

  /** Bytes in use by files and folders, in whole blocks. */
  #used(folder = this.#folder) {
    let blocks = 1;
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
      const name = path.join(folder, entry.name);
      blocks += entry.isDirectory() ? this.#used(name) : blocksOf(fs.statSync(name).size);
    }
    return blocks;
  }

  #reserve(blocks) {
    if (blocks > 0 && this.#used() + blocks > this.#blocks) fail("ENOSPC");
  }

  #path(at) {
    return path.posix.resolve(this.#cwd, this.#memory.string(at));
  }

  #host(name) {
    if (inRom(name)) return path.join(this.#rom, name.slice(ROM.length));
    return path.join(this.#folder, name);
  }

  #writable(at) {
    const name = this.#path(at);
    if (inRom(name)) fail("EROFS");
    return this.#host(name);
  }

  #get(fd) {
    return this.#open.get(fd) ?? fail("EBADF");
  }

  #file(fd) {
    const open = this.#get(fd);
    return open.file === undefined ? fail("EISDIR") : open;
  }

  #chdir(name) {
    if (!fs.statSync(this.#host(name)).isDirectory()) fail("ENOTDIR");
    this.#cwd = name;
  }

  #openAt(name, flags) {
    const host = this.#host(name);
    const stat = fs.statSync(host, { throwIfNoEntry: false });
    let entry;
    if (flags & O_DIRECTORY) {
      if (stat && !stat.isDirectory()) fail("ENOTDIR");
      entry = { names: fs.readdirSync(host, { withFileTypes: true }), at: 0 };
    } else {
      if (stat?.isDirectory()) fail("EISDIR");
      if (inRom(name) && flags & (O_ACCESS | O_CREAT)) fail("EROFS");
      let mode = ACCESS[flags & O_ACCESS];
      if (flags & O_CREAT) mode |= fs.constants.O_CREAT;
      if (flags & O_TRUNC) mode |= fs.constants.O_TRUNC;
      entry = { file: fs.openSync(host, mode, 0o644), at: 0, append: Boolean(flags & O_APPEND) };
    }
    let fd = FIRST_FD;
    while (this.#open.has(fd)) fd++;
    this.#open.set(fd, entry);
    return fd;
  }

  #mkdir(host) {
    if (fs.existsSync(host)) fail("EEXIST");
    this.#reserve(1);
    fs.mkdirSync(host);
  }

  #unlink(host) {
    if (fs.statSync(host).isDirectory()) fail("EISDIR");
    fs.unlinkSync(host);
  }

  #readDirectory(fd, into, size) {
    const { bytes, view } = this.#memory;
    const open = this.#get(fd);
    let done = 0;
    for (; open.at < open.names.length && done + DIRENT.size <= size; open.at++) {
      const entry = open.names[open.at];
      const at = into + done;
      bytes.fill(0, at, at + DIRENT.size);
      view.setBigInt64(at, BigInt(open.at + 1), true);
      view.setBigInt64(at + 8, BigInt(open.at + 1), true);
      view.setInt16(at + 16, DIRENT.size, true);
      view.setInt8(at + 18, entry.isDirectory() ? DIRENT.directory : DIRENT.file);
      this.#memory.setString(at + 19, DIRENT.size - 19, entry.name) || fail("ENAMETOOLONG");
      done += DIRENT.size;
    }
    return done;
  }

  #stat(stat, into) {
    const { bytes, view } = this.#memory;
    bytes.fill(0, into, into + 96);
    view.setUint32(into + 4, stat.isDirectory() ? 0o040000 : 0o100000, true);
    view.setBigInt64(into + 24, BigInt(stat.isDirectory() ? 0 : stat.size), true);
    for (const [at, ms] of [[40, stat.atimeMs], [56, stat.mtimeMs], [72, stat.ctimeMs]]) {
      view.setBigInt64(into + at, BigInt(Math.floor(ms / 1000)), true);
    }
  }

  #statfs(into) {
    const { bytes, view } = this.#memory;
    const free = BigInt(Math.max(0, this.#blocks - this.#used()));
    bytes.fill(0, into, into + 88);
    view.setUint32(into + 4, BLOCK, true);
    view.setUint32(into + 60, BLOCK, true);
    view.setBigInt64(into + 8, BigInt(this.#blocks), true);
    view.setBigInt64(into + 16, free, true);
    view.setBigInt64(into + 24, free, true);
    view.setUint32(into + 56, 255, true);
  }
}

function inRom(name) {
  return name === ROM || name.startsWith(ROM + "/");
}

function blocksOf(bytes) {
  return Math.ceil(bytes / BLOCK);
}
