/* The start of an executable: calls the program's main and prints what it returns.

   LISPIER_ARGUMENTS  0 for main without parameters, else the width of its first (32 or 64)
   LISPIER_RESULT     0 for no result or one that is not printed, else 32, 64 (integers),
                      -32, -64 (floats) */

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#if LISPIER_RESULT == 32
typedef int32_t Result;
#elif LISPIER_RESULT == 64
typedef int64_t Result;
#elif LISPIER_RESULT == -32
typedef float Result;
#elif LISPIER_RESULT == -64
typedef double Result;
#else
typedef void Result;
#endif

#if LISPIER_ARGUMENTS == 32
Result lispier_main(int32_t count, char **texts);
#define CALL lispier_main((int32_t)count, texts)
#elif LISPIER_ARGUMENTS == 64
Result lispier_main(int64_t count, char **texts);
#define CALL lispier_main((int64_t)count, texts)
#else
Result lispier_main(void);
#define CALL lispier_main()
#endif

/* OpenMP's run time, when the program uses it. */
extern void kmp_set_defaults(const char *) __attribute__((weak));

#if LISPIER_RESULT < 0
enum { MOST_DIGITS = 17 };

static int reads_back(const char *digits, int exponent, Result value) {
  char text[64];
  snprintf(text, sizeof text, "%se%d", digits, exponent);
#if LISPIER_RESULT == -32
  return strtof(text, NULL) == value;
#else
  return strtod(text, NULL) == value;
#endif
}

/* One more in the last place; a carry out of the first digit moves the point. */
static void next(char *digits, int count, int *exponent) {
  int at = count - 1;
  while (at >= 0 && digits[at] == '9') digits[at--] = '0';
  if (at >= 0) {
    digits[at]++;
  } else {
    digits[0] = '1';
    ++*exponent;
  }
}

/* The fewest digits d, with `exponent` such that 0.ddd * 10^exponent reads back as `value` > 0. */
static void shortest(Result value, char *digits, int *exponent) {
  char text[64], candidate[MOST_DIGITS + 3];
  for (int count = 1; count <= MOST_DIGITS; count++) {
    snprintf(text, sizeof text, "%.*e", count - 1, (double)value);
    digits[0] = text[0];
    memcpy(digits + 1, text + 2, (size_t)count - 1);
    digits[count] = 0;
    /* Below a power of two values lie closer together than above: there the nearest decimal may
       not read back while the next one does. */
    for (int step = 0; step < 2; step++) {
      *exponent = atoi(strchr(text, 'e') + 1) + 1;
      if (step) next(digits, count, exponent);
      snprintf(candidate, sizeof candidate, "0.%s", digits);
      if (reads_back(candidate, *exponent, value)) return;
    }
  }
}

/* `value` without an exponent and without ".0", as few digits as read back the same. */
static void print_result(Result value) {
  if (isnan(value)) {
    printf("NaN\n");
    return;
  }
  if (signbit(value)) printf("-");
  value = value < 0 ? -value : value;
  if (isinf(value) || value == 0) {
    printf(isinf(value) ? "inf\n" : "0\n");
    return;
  }
  char digits[MOST_DIGITS + 1];
  int exponent;
  shortest(value, digits, &exponent);
  int count = (int)strlen(digits);
  while (count > 1 && digits[count - 1] == '0') digits[--count] = 0;
  if (exponent <= 0) {
    printf("0.");
    for (int zero = exponent; zero < 0; zero++) printf("0");
    printf("%s\n", digits);
  } else if (exponent >= count) {
    printf("%s", digits);
    for (int zero = count; zero < exponent; zero++) printf("0");
    printf("\n");
  } else {
    printf("%.*s.%s\n", exponent, digits, digits + exponent);
  }
}
#elif LISPIER_RESULT > 0
static void print_result(Result value) { printf("%" PRId64 "\n", (int64_t)value); }
#endif

int main(int argc, char **argv) {
  int count = argc > 0 ? argc - 1 : 0;
  char **texts = argc > 0 ? argv + 1 : argv;
  (void)count, (void)texts;
#if defined(__GLIBC__)
  /* Let malloc reuse big blocks instead of mapping fresh pages each time. */
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
  if (kmp_set_defaults) kmp_set_defaults("KMP_BLOCKTIME=1|KMP_WARNINGS=0");
#if LISPIER_RESULT != 0
  print_result(CALL);
#else
  CALL;
#endif
  return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
