// OpenMP behind parallel.h.
#include "sys/parallel.h"

#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace faqsmith {

int n_threads() {
  return omp_get_max_threads();
}

void set_n_threads(int threads) {
  omp_set_num_threads(threads > 0 ? threads : omp_get_num_procs());
}

void shorten_waiting(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  // About 0.1 ms: bridges the serial parts between two loops on a quiet machine.
  if (!error && ::setenv("GOMP_SPINCOUNT", "2000", 1) == 0) ::execv(program.c_str(), argv);
}

void parallel_for(std::int64_t n, const std::function<void(std::int64_t, std::int64_t)>& body) {
  if (n <= 0) return;
  const std::int64_t parts = std::min<std::int64_t>(n, n_threads());
  if (parts == 1) return body(0, n);
#pragma omp parallel for schedule(static, 1)
  for (std::int64_t p = 0; p < parts; ++p) body(n * p / parts, n * (p + 1) / parts);
}

void parallel_each(std::int64_t n, const std::function<void(std::int64_t)>& body) {
#pragma omp parallel for schedule(dynamic, 1)
  for (std::int64_t i = 0; i < n; ++i) body(i);
}

}  // namespace faqsmith
