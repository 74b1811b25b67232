"""The CPU: x86-64 (AVX2, AVX-512, AMX found at run time) and aarch64."""
