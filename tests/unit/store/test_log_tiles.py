"""What is kept of a log's tree in memory: as much as there is room for, the upper tiles always."""

from ledger.store import log_tiles
from ledger.store.log_tiles import TileCache
from ledger.transparency.edge import Place
from ledger.transparency.tiles import HEIGHT


def test_an_upper_tile_takes_the_place_of_no_lower_one(monkeypatch):
    monkeypatch.setattr(log_tiles, "MOST_TILES", 2)
    asked = []

    def ask(statement, values):
        asked.append(values)
        return [(bytes(32) * 256,)] if "tree_tile" in statement else []

    cache = TileCache(ask)
    low, high = [Place(0, 0), Place(0, 256)], [Place(HEIGHT, place * 256) for place in range(5)]
    cache.fetch(1, [*low, *high])
    del asked[:]
    cache.fetch(1, [*low, *high])
    assert asked == []
    cache.fetch(1, [Place(0, 512)])
    cache.fetch(1, [low[1], *high])
    assert len(asked) == 1
    cache.fetch(1, [low[0]])
    assert len(asked) == 2
