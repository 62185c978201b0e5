"""Bearer keys reach the pods as a mounted Secret, which the operator never reads."""

from tests.support.rendering import container, predictor, variables

KEYED = "{auth: {apiKeysSecret: docs-keys}, embedder: {}}"


def test_the_secret_is_mounted_and_its_folder_named():
    (volume,) = [one for one in predictor(KEYED)["volumes"] if one["name"] == "api-keys"]
    assert volume["secret"] == {"secretName": "docs-keys"}
    (mount,) = [one for one in container(KEYED)["volumeMounts"] if one["name"] == "api-keys"]
    assert mount["readOnly"] is True
    assert variables(KEYED)["RETRIEVAL_AUTH__API_KEYS_FILE"] == mount["mountPath"]


def test_without_keys_everybody_is_let_in():
    assert "RETRIEVAL_AUTH__API_KEYS_FILE" not in variables("embedder: {}")
    assert not any(one["name"] == "api-keys" for one in predictor("embedder: {}")["volumes"])
