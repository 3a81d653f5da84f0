"""The examples' parameters and config bundles hold together."""

import json
import tomllib
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from apps.bots import schemas

EXAMPLES = sorted(path.parent for path in (Path(__file__).resolve().parents[2] / "examples").glob("*/bot.toml"))


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.name)
def example(request):
    return request.param


def read(example, name):
    return yaml.safe_load((example / name).read_text())


def test_parameters_satisfy_their_schema(example):
    schema = json.loads((example / "parameters.schema.json").read_text())

    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(read(example, "parameters.yaml"))


def test_defaults_satisfy_the_schema(example):
    schema = json.loads((example / "parameters.schema.json").read_text())

    Draft202012Validator(schema).validate({k: v["default"] for k, v in schema["properties"].items()})


def test_config_fits_the_bot(example):
    described = tomllib.loads((example / "bot.toml").read_text())
    config = read(example, "config.yaml")

    schemas.check(config, schemas.CONFIG, "CONFIG_INVALID")
    assert config["symbols"] == described["data"]["instruments"]
    assert config["data_contract"]["interval"] == described["data"]["interval"]
    assert config["data_contract"]["fields"] == described["data"]["fields"]


def test_config_has_no_floats(example):
    def leaves(value):
        if isinstance(value, dict | list):
            for inner in value.values() if isinstance(value, dict) else value:
                yield from leaves(inner)
        else:
            yield value

    for name in ("config.yaml", "parameters.yaml"):
        assert not [leaf for leaf in leaves(read(example, name)) if isinstance(leaf, float)]
