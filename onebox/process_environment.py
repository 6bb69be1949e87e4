"""The environment of each process: what every program needs and its own names, nothing else.

The bot's secrets are no business of the worker, and nobody's secrets are Postgres' or Valkey's.
"""

from __future__ import annotations

import os

#: A name, or with an asterisk everything that begins so.
_COMMON = ("PATH", "HOME", "USER", "LOGNAME", "TZ", "TMPDIR", "LD_*", "MALLOC_*", "GLIBC_*")
#: Python's own, its certificates, and the measuring of test coverage in started programs.
_PYTHON = ("LANG", "LC_*", "PYTHON*", "VIRTUAL_ENV", "SSL_*", "COVERAGE_*", "NO_COLOR")
#: libpq's names, which asyncpg reads for whatever a database's URL leaves out.
_DATABASE = ("PG*",)
#: The hub and its downloads, torch and its devices.
_MODEL = (
    *("HF_*", "HUGGING_FACE_*", "HUGGINGFACE_*", "TRANSFORMERS_*", "TOKENIZERS_*"),
    *("SAFETENSORS_*", "XDG_CACHE_HOME", "REQUESTS_*", "CURL_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("TORCH*", "PYTORCH_*", "TRITON_*", "BNB_*", "CUDA_*", "CUDNN_*", "CUBLAS_*", "NVIDIA_*"),
    *("NCCL_*", "HIP_*", "HSA_*", "ROCR_*", "ROCM_*", "MIOPEN_*"),
    *("OMP_*", "MKL_*", "KMP_*", "OPENBLAS_*", "ATEN_*"),
)

BOT = (*_COMMON, *_PYTHON, *_DATABASE, "BOT_*")
WORKER = (*_COMMON, *_PYTHON, *_DATABASE, *_MODEL, "WORKER_*")
#: Postgres and Valkey.
SERVER = _COMMON


def inherited(names: tuple[str, ...]) -> dict[str, str]:
    """The variables of this process that ``names`` lists."""
    families = tuple(name[:-1] for name in names if name.endswith("*"))
    return {k: v for k, v in os.environ.items() if k in names or k.startswith(families)}
