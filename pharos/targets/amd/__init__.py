"""AMD GPUs: RDNA 3 and 3.5 (gfx1100, gfx1151: WMMA, waves of 32) and CDNA 3 (gfx942: MFMA, 64)."""
