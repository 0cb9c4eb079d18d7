"""What holds for every endpoint, said once in the OpenAPI text."""

from typing import Any

ERRORS = {
    "400": "Isian salah; jawaban menyebut isian dan sebabnya.",
    "401": "Token tidak ada, salah, atau habis masa berlakunya.",
    "403": "Token tidak memiliki hak ini.",
    "404": "Tidak ada, atau bukan milik fasilitas ini.",
    "415": "Kirim sebagai application/json.",
    "429": "Terlalu sering; tunggu selama Retry-After detik.",
}


def add_error_answers(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Post-processing hook of drf-spectacular: name the refusals each operation can give."""
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            codes = {"400", "429"}
            codes |= {"401", "403"} if operation.get("security") else set()
            codes |= {"404"} if "{" in path else set()
            codes |= {"415"} if method == "post" else set()
            for code in sorted(codes - operation["responses"].keys()):
                operation["responses"][code] = {
                    "description": ERRORS[code],
                    "content": {"application/json": {"schema": {"type": "object", "additionalProperties": {}}}},
                }
    return result


def local_times(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Post-processing hook: opening hours carry no zone, so they are not what OpenAPI calls a time."""
    for schema in result["components"]["schemas"].values():
        for name, prop in schema.get("properties", {}).items():
            if prop.get("format") == "time":
                words = {key: value for key, value in prop.items() if key != "format"}
                schema["properties"][name] = words | {"pattern": r"^\d{2}:\d{2}(:\d{2})?$", "example": "08:00:00"}
    return result
