"""The SequenceExample message, without importing TensorFlow.

TensorFlow's own class can only be had by loading all of TensorFlow. The wire
format needs no more than the fields' numbers, which cannot change.

Source: TensorFlow, `core/example/example.proto` and `feature.proto`.
"""

import functools
from typing import Any

from google.protobuf import descriptor_pb2
from google.protobuf import descriptor_pool
from google.protobuf import message_factory

_PACKAGE = "gblend"  # a name of ours: TensorFlow may be loaded, too
_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _FIELD.TYPE_STRING,
    "bytes": _FIELD.TYPE_BYTES,
    "float": _FIELD.TYPE_FLOAT,
    "int64": _FIELD.TYPE_INT64,
}


@functools.cache
def message_class() -> Any:
    """Returns the class of SequenceExample messages."""
    file = descriptor_pb2.FileDescriptorProto(
        name="gblend/sequence_example.proto", package=_PACKAGE, syntax="proto3"
    )
    for kind in ("bytes", "float", "int64"):
        values = _add_message(file, f"{kind.capitalize()}List")
        _add_field(values, "value", 1, kind)
    feature = _add_message(file, "Feature")  # one list of one of the kinds
    feature.oneof_decl.add(name="kind")
    for number, kind in enumerate(("bytes", "float", "int64"), start=1):
        field = _add_field(
            feature,
            f"{kind}_list",
            number,
            f"{kind.capitalize()}List",
            repeated=False,
        )
        field.oneof_index = 0
    _add_map(_add_message(file, "Features"), "feature", "Feature")
    _add_field(_add_message(file, "FeatureList"), "feature", 1, "Feature")
    _add_map(_add_message(file, "FeatureLists"), "feature_list", "FeatureList")
    example = _add_message(file, "SequenceExample")
    for number, (name, kind) in enumerate(
        (("context", "Features"), ("feature_lists", "FeatureLists")), start=1
    ):
        _add_field(example, name, number, kind, repeated=False)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName(f"{_PACKAGE}.SequenceExample")
    )


def _add_message(parent: Any, name: str) -> Any:
    return parent.message_type.add(name=name)


def _add_field(
    message: Any, name: str, number: int, kind: str, *, repeated: bool = True
) -> Any:
    field = message.field.add(name=name, number=number)
    field.label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type = _FIELD.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{kind}"
    return field


def _add_map(message: Any, name: str, kind: str) -> None:
    """Adds the field `map<string, kind> name = 1`."""
    # What protoc makes of a map: a list of entries, named after the field.
    entry_name = name.title().replace("_", "") + "Entry"
    entry = message.nested_type.add(name=entry_name)
    entry.options.map_entry = True
    _add_field(entry, "key", 1, "string", repeated=False)
    _add_field(entry, "value", 2, kind, repeated=False)
    _add_field(message, name, 1, f"{message.name}.{entry_name}")
