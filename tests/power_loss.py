"""A disk as POSIX promises it: what is not synced may be lost. Replays recorded operations and makes the states that a crash may leave.

A file's bytes are safe after fsync of the file, a name after fsync of its folder. Until then each write and each change of a name is
pending, and a crash keeps any part of them.
"""

import hashlib
import os

SECTORS = (512, 4096)  # bytes that a disk writes as a whole; a write longer than that may be torn there


class File:
    def __init__(self, data=b""):
        self.data = data  # on the disk


class Folder:
    def __init__(self):
        self.names = {}  # on the disk: name -> File or Folder


class Change:
    """One pending operation. apply() brings it to the disk."""

    def __init__(self, kind, target, **fields):
        self.kind, self.target = kind, target  # kind: data or name
        self.__dict__.update(fields)


def written(data, change, limit=None):
    """Bytes of a file after a change of it; limit: so many bytes of the write arrive."""
    if change.size is not None:
        return data[: change.size].ljust(change.size, b"\0")
    piece = change.data[:limit]
    return data[: change.offset].ljust(change.offset, b"\0") + piece + data[change.offset + len(piece) :]


def renamed(names, change):
    names = dict(names)
    for name, node in change.entries.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node
    return names


class Disk:
    def __init__(self, root):
        """Everything under root is on the disk."""
        self.root_path, self.root = str(root), Folder()
        self.by_inode, self.live = {}, {}  # live: Folder -> its names as programs see them
        self.pending = []
        self.load(self.root_path, self.root)

    def load(self, path, folder):
        self.by_inode[os.stat(path).st_ino] = folder
        for entry in os.scandir(path):
            node = Folder() if entry.is_dir() else File(open(entry.path, "rb").read())
            folder.names[entry.name] = node
            self.by_inode[entry.inode()] = node
            if entry.is_dir():
                self.load(entry.path, node)
        self.live[folder] = dict(folder.names)

    def place(self, path):
        """(folder, name) of a path as programs see it."""
        folder = self.root
        *parents, name = path[len(self.root_path) + 1 :].split("/")
        for parent in parents:
            folder = self.live[folder][parent]
        return folder, name

    def change_names(self, folder, entries):
        self.live[folder] = renamed(self.live[folder], Change("name", folder, entries=entries))
        self.pending.append(Change("name", folder, entries=entries))

    def do(self, op):
        if op.name == "nothing" or op.path.endswith(" (deleted)"):
            return None  # a file without a name is gone after any loss
        if op.name == "sync":
            return self.sync(self.by_inode[op.inode])
        if op.name in ("write", "truncate"):
            size = op.offset if op.name == "truncate" else None
            return self.pending.append(Change("data", self.by_inode[op.inode], offset=op.offset, data=op.data, size=size))
        if op.path == self.root_path:
            return None  # the workspace itself: its parent is not recorded
        folder, name = self.place(op.path)
        if op.name in ("create", "mkdir"):
            node = self.by_inode[op.inode] = File() if op.name == "create" else Folder()
            if op.name == "mkdir":
                self.live[node] = {}
            return self.change_names(folder, {name: node})
        if op.name == "remove":
            return self.change_names(folder, {name: None})
        target_folder, target = self.place(op.target)
        assert folder is target_folder, "names only change within a folder"
        names = self.live[folder]
        return self.change_names(folder, {target: names[name], name: names[target] if op.name == "exchange" else None})

    def sync(self, node):
        for change in self.pending:
            if change.target is node and isinstance(node, File):
                node.data = written(node.data, change)
            elif change.target is node:
                node.names = renamed(node.names, change)
        self.pending = [change for change in self.pending if change.target is not node]

    def tree(self, kept, torn=None, limit=None):
        """{relative path: bytes, None for a folder} after a crash that kept these pending changes; of torn only limit bytes arrive."""
        data, names = {}, {}
        for change in kept:
            node = change.target
            if isinstance(node, File):
                data[node] = written(data.get(node, node.data), change, limit if change is torn else None)
            else:
                names[node] = renamed(names.get(node, node.names), change)
        out = {}

        def walk(folder, prefix):
            for name, node in names.get(folder, folder.names).items():
                if isinstance(node, File):
                    out[prefix + name] = data.get(node, node.data)
                else:
                    out[prefix + name] = None
                    walk(node, f"{prefix}{name}/")

        walk(self.root, "")
        return out

    def crashes(self, n_single=8):
        """(what was lost, tree) of states that a crash at this moment may leave: a stated part of all subsets."""
        pending = self.pending
        yield "all unsynced", self.tree([])
        yield "nothing", self.tree(pending)
        if not pending:
            return
        yield "bytes, not names", self.tree([change for change in pending if change.kind == "name"])
        yield "names, not bytes", self.tree([change for change in pending if change.kind == "data"])
        for change in pending[-n_single:]:
            yield "one change", self.tree([other for other in pending if other is not change])
        last = next((change for change in reversed(pending) if change.kind == "data" and change.size is None), None)
        for sector in SECTORS:
            if last is not None and len(last.data) > sector:
                yield f"the end of a write, from byte {sector} on", self.tree(pending, last, sector)


def fingerprint(tree):
    sha = hashlib.sha256()
    for path in sorted(tree):
        sha.update(path.encode() + (b"/" if tree[path] is None else hashlib.sha256(tree[path]).digest()))
    return sha.digest()


def lay_out(tree, root):
    for path, data in sorted(tree.items()):
        place = root / path
        if data is None:
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
