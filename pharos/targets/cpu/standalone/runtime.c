/* The functions that MLIR's runner libraries would supply, for programs built without Python.

   They print what pharos/targets/cpu/helpers.py and unranked.py print, to the same streams. All
   of them are weak: two objects that were built with them link together. */

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(LISPIER_AMX)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#define WEAK __attribute__((weak))

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

WEAK double rtclock(void) { return seconds(); }

WEAK int64_t clock_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

WEAK void printF32(float value) { printf("%g", value); }
WEAK void printF64(double value) { printf("%g", value); }
WEAK void printI64(int64_t value) { printf("%" PRId64, value); }
WEAK void printU64(uint64_t value) { printf("%" PRIu64, value); }
WEAK void printNewline(void) { printf("\n"); }
WEAK void printComma(void) { printf(", "); }
WEAK void printOpen(void) { printf("( "); }
WEAK void printClose(void) { printf(" )"); }
WEAK void printString(const char *text) { printf("%s", text); }

WEAK void pharos_assertion_failed(const char *text) {
  fflush(stdout);
  fprintf(stderr, "%s\n", text);
  abort();
}

/* The original Lispier's names for printf, one for each number of arguments. */
#define PRINTF(name)                                                                              \
  WEAK int name(const char *format, ...) {                                                        \
    va_list arguments;                                                                            \
    va_start(arguments, format);                                                                  \
    int written = vprintf(format, arguments);                                                     \
    va_end(arguments);                                                                            \
    return written;                                                                               \
  }
PRINTF(printf_1)
PRINTF(printf_2)
PRINTF(printf_3)
PRINTF(printf_4)

/* A memref of any rank: two pointers, an offset, `rank` sizes, `rank` strides (in elements). */
typedef struct {
  char *allocated;
  char *aligned;
  int64_t offset;
  int64_t sizes_and_strides[];
} Descriptor;

typedef struct {
  int64_t rank;
  Descriptor *descriptor;
} Unranked;

static const int64_t *sizes(const Unranked *memref) {
  return memref->descriptor->sizes_and_strides;
}

static const int64_t *strides(const Unranked *memref) { return sizes(memref) + memref->rank; }

static char *first(const Unranked *memref, int64_t size) {
  return memref->descriptor->aligned + memref->descriptor->offset * size;
}

static void copy(const Unranked *from, const char *source, const Unranked *to, char *target,
                 int64_t size, int64_t axis) {
  if (axis == from->rank) {
    memmove(target, source, (size_t)size);
    return;
  }
  for (int64_t i = 0; i < sizes(from)[axis]; i++)
    copy(from, source + i * strides(from)[axis] * size, to,
         target + i * strides(to)[axis] * size, size, axis + 1);
}

WEAK void memrefCopy(int64_t size, Unranked *source, Unranked *target) {
  copy(source, first(source, size), target, first(target, size), size, 0);
}

typedef void (*Print)(const char *element);

static void print_f32(const char *element) { printf("%g", *(const float *)element); }
static void print_f64(const char *element) { printf("%g", *(const double *)element); }
static void print_i32(const char *element) { printf("%" PRId32, *(const int32_t *)element); }
static void print_i64(const char *element) { printf("%" PRId64, *(const int64_t *)element); }

static void print_elements(const Unranked *memref, const char *at, int64_t size, Print print,
                           int64_t axis) {
  if (axis == memref->rank) {
    print(at);
    return;
  }
  printf("[");
  for (int64_t i = 0; i < sizes(memref)[axis]; i++) {
    if (i > 0) printf(axis == memref->rank - 1 ? ", " : ", \n");
    for (int64_t blank = 0; i > 0 && blank <= axis; blank++) printf(" ");
    print_elements(memref, at + i * strides(memref)[axis] * size, size, print, axis + 1);
  }
  printf("]");
}

static void print_numbers(const int64_t *numbers, int64_t count) {
  printf("[");
  for (int64_t i = 0; i < count; i++) printf(i ? ", %" PRId64 : "%" PRId64, numbers[i]);
  printf("]");
}

static void print_memref(const Unranked *memref, int64_t size, Print print) {
  const Descriptor *descriptor = memref->descriptor;
  printf("Unranked Memref base@ = 0x%" PRIxPTR " rank = %" PRId64 " offset = %" PRId64,
         (uintptr_t)descriptor->aligned, memref->rank, descriptor->offset);
  printf(" sizes = ");
  print_numbers(sizes(memref), memref->rank);
  printf(" strides = ");
  print_numbers(strides(memref), memref->rank);
  printf(" data = \n");
  if (memref->rank == 0) printf("[");
  print_elements(memref, first(memref, size), size, print, 0);
  if (memref->rank == 0) printf("]");
  printf("\n");
}

WEAK void _mlir_ciface_printMemrefF32(Unranked *memref) { print_memref(memref, 4, print_f32); }
WEAK void _mlir_ciface_printMemrefF64(Unranked *memref) { print_memref(memref, 8, print_f64); }
WEAK void _mlir_ciface_printMemrefI32(Unranked *memref) { print_memref(memref, 4, print_i32); }
WEAK void _mlir_ciface_printMemrefI64(Unranked *memref) { print_memref(memref, 8, print_i64); }

#if defined(LISPIER_AMX)
/* Ask the kernel for AMX's tiles (Linux, Documentation/arch/x86/xstate.rst). */
__attribute__((constructor)) static void request_amx(void) {
  syscall(SYS_arch_prctl, 0x1023, 18);
}
#endif
