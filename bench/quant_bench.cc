// Products with quantised weights beside those with bf16 or float32 ones: SmolLM2-135M's gate and up (from the cache)
// and its head (from memory), by type, kernel and rows of x. Random blocks; warm-up is not counted; best of repeated
// runs.
//   quant_bench [wall|cpu] [TYPE]            cpu: processor time of one thread, with OMP_NUM_THREADS=1, on a busy
//   machine; TYPE: only this one, as Q4_1
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <functional>
#include <vector>

#include "base/rng.h"
#include "ops/matmul.h"
#include "ops/quant_matmul.h"
#include "sys/parallel.h"
#include "tensor/buffer.h"
#include "tensor/quants.h"

namespace faqsmith {
namespace {

clockid_t timer = CLOCK_MONOTONIC;

double now_s() {
  timespec t{};
  clock_gettime(timer, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double best_seconds(const std::function<void()>& body) {
  body();
  double best = 1e9;
  int runs = 0;
  for (const double start = now_s(); runs < 5 || now_s() - start < 0.15; ++runs) {
    const double before = now_s();
    body();
    best = std::min(best, now_s() - before);
  }
  return best;
}

struct Shape2 {
  const char* name;
  std::int64_t out, in;
};
// A K type's rows divide by 256, so both widths do.
constexpr Shape2 kShapes[] = {{"gate_up 768->3072", 3072, 768}, {"head 512->49152", 49152, 512}};
constexpr std::int64_t kRows[] = {1, 2, 4, 8, 16, 32, 128, 512};

const char* name_of(QuantKernel kernel) {
  if (kernel == QuantKernel::Amx) return "AMX";
  return kernel == QuantKernel::Vnni ? "VNNI" : "AVX2";
}

void print_line(const char* name, const Shape2& s, std::size_t bytes, const std::function<void(std::int64_t)>& body) {
  std::printf("  %-14s", name);
  for (const std::int64_t m : kRows) {
    const double seconds = best_seconds([&] { body(m); });
    std::printf(" | %4ld: %6.1f GB/s %5.0f G/s", static_cast<long>(m), static_cast<double>(bytes) / seconds / 1e9,
                2e-9 * static_cast<double>(m * s.out * s.in) / seconds);
  }
  std::printf("\n");
}

template <class T>
void bench(Cpu& cpu, const char* only) {
  std::printf("%s; rows of x: bytes of weights a second, operations a second\n", describe_cpu(cpu).c_str());
  Rng rng(3);
  for (const Shape2& s : kShapes) {
    std::printf("%s\n", s.name);
    Buffer<T> x({512, s.in});
    for (std::int64_t i = 0; i < x.size(); ++i) x[i] = from_float<T>(static_cast<float>(rng.normal()));
    Buffer<T> y({512, s.out});
    {
      Buffer<float> w({s.out, s.in});
      const PackedMatrix packed(cpu.compute, w.in(), Product::Forward);
      print_line(sizeof(T) == 2 ? "bf16" : "f32", s, packed.bytes(), [&](std::int64_t m) {
        launch(cpu, Matmul<T, T>{.x = first_rows(x.in(), m), .w = &packed, .y = first_rows(y.out(), m)});
      });
    }
    for (const GgmlType type : {GgmlType::Q4_1, GgmlType::Q4_0, GgmlType::Q5_1, GgmlType::Q8_0, GgmlType::Q2_K,
                                GgmlType::Q3_K, GgmlType::Q4_K, GgmlType::Q6_K}) {
      const GgmlTypeInfo& info = *find_type(static_cast<std::uint32_t>(type));
      if (only && std::strcmp(only, info.name) != 0) continue;
      const auto row_bytes = static_cast<std::size_t>(s.in / info.block_elements * info.block_bytes);
      std::vector<std::byte> blocks(row_bytes * static_cast<std::size_t>(s.out), std::byte{0x11});
      QuantPart part{type, {}};
      for (std::int64_t r = 0; r < s.out; ++r)
        part.rows.push_back(blocks.data() + static_cast<std::size_t>(r) * row_bytes);
      const QuantMatrix w({&part, 1}, s.in);
      for (const QuantKernel kernel : {QuantKernel::Amx, QuantKernel::Vnni, QuantKernel::Avx2}) {
        if (!can_run(kernel)) continue;
        char name[32];
        std::snprintf(name, sizeof name, "%s %s", info.name, name_of(kernel));
        print_line(name, s, w.bytes(), [&](std::int64_t m) {
          launch(cpu,
                 QuantMatmul<T, T>{.x = first_rows(x.in(), m), .w = &w, .y = first_rows(y.out(), m), .kernel = kernel});
        });
      }
    }
  }
}

}  // namespace
}  // namespace faqsmith

int main(int argc, char** argv) {
  using namespace faqsmith;
  shorten_waiting(argv);
  if (argc > 1 && std::strcmp(argv[1], "cpu") == 0) timer = CLOCK_THREAD_CPUTIME_ID;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const char* const only = argc > 2 ? argv[2] : nullptr;
  Cpu cpu = detect_cpu();
  if (cpu.compute == Compute::Bf16) {
    bench<bf16>(cpu, only);
  } else {
    bench<float>(cpu, only);
  }
}
