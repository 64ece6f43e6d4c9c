"""peer.py FILE PUTS: what bench_storage_host does, with SQLite: write-ahead log, synchronous=FULL, a commit a put."""

import os
import sqlite3
import sys
import time


def remove(path):
    for name in (path, path + "-wal", path + "-shm"):
        if os.path.exists(name):
            os.remove(name)


def main():
    path, puts = sys.argv[1], int(sys.argv[2])
    remove(path)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma journal_mode=wal")
    connection.execute("pragma synchronous=full")
    connection.execute("create table kept (key text primary key, value blob) without rowid")
    begin = time.monotonic()
    for i in range(puts):
        value = i.to_bytes(4, "little") + bytes(20)
        connection.execute("insert or replace into kept values (?, ?)", (f"key/{i % 12:04d}", value))
    seconds = time.monotonic() - begin
    print(f"bench storage.host_puts.sqlite {puts / seconds:.0f} puts_a_second")
    connection.close()
    remove(path)


main()
