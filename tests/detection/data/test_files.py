from detection.data.files import json_bytes


def test_json_bytes_do_not_depend_on_the_order_of_keys() -> None:
    assert (
        json_bytes({"b": 1, "a": (2,)}) == json_bytes({"a": [2], "b": 1}) == b'{"a":[2],"b":1}\n'
    )
