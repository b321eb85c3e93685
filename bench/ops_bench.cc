// Speed of every CPU op on SmolLM2-135M's shapes: matrix products by row count, the other ops per layer of a training
// step of 2,048 tokens in 130-token sequences, and cached attention as generation uses it. Prints the best and the
// median of repeated runs; inputs are random, warm-up is not counted.
//   ops_bench [f32|bf16]                    wall time, all threads: on a quiet machine
//   OMP_NUM_THREADS=1 ops_bench bf16 cpu     processor time of one thread: also on a busy machine
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "ops/adamw.h"
#include "ops/attention.h"
#include "ops/cached_attention.h"
#include "ops/cross_entropy.h"
#include "ops/elementwise.h"
#include "ops/embedding.h"
#include "ops/matmul.h"
#include "ops/panel_matmul.h"
#include "ops/rms_norm.h"
#include "ops/rope.h"
#include "ops/swiglu.h"
#include "sys/parallel.h"

namespace faqsmith {
namespace {

constexpr std::int64_t kHidden = 576, kFfn = 1536, kVocab = 49152, kTokens = 2048, kSequence = 130;
constexpr Heads kHeads{.n_heads = 9, .n_kv_heads = 3, .head_dim = 64};
constexpr int kLayers = 30;

struct Timing {
  double best_s, median_s;
};

clockid_t timer = CLOCK_MONOTONIC;

double now_s() {
  timespec t{};
  clock_gettime(timer, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

Timing measure(const std::function<void()>& body, double budget_s = 0.4) {
  body();
  std::vector<double> seconds;
  for (const double start = now_s(); seconds.size() < 5 || now_s() - start < budget_s;) {
    const double before = now_s();
    body();
    seconds.push_back(now_s() - before);
  }
  std::sort(seconds.begin(), seconds.end());
  return {seconds.front(), seconds[seconds.size() / 2]};
}

template <class T>
Buffer<T> random_buffer(Shape shape, std::uint64_t seed) {
  Rng rng(seed);
  Buffer<T> out(shape);
  for (std::int64_t i = 0; i < out.size(); ++i) out[i] = from_float<T>(static_cast<float>(rng.uniform() * 2 - 1));
  return out;
}

void print_gemm(const char* name, std::int64_t m, double flop, const Timing& t) {
  std::printf("  %-22s m %4ld  %8.1f GFLOP/s (median %8.1f)  %9.1f us\n", name, static_cast<long>(m),
              flop / t.best_s / 1e9, flop / t.median_s / 1e9, t.best_s * 1e6);
}

double print_op(const char* name, const std::function<void()>& body) {
  const Timing t = measure(body);
  std::printf("  %-44s %9.1f us (median %9.1f)\n", name, t.best_s * 1e6, t.median_s * 1e6);
  return t.best_s;
}

struct LinearShape {
  const char* name;
  std::int64_t out, in;
};
constexpr LinearShape kLinears[] = {{"qkv 576->960", 960, 576},
                                    {"o 576->576", 576, 576},
                                    {"gate_up 576->3072", 3072, 576},
                                    {"down 1536->576", 576, 1536}};

// The same forward products as inference computes them from float weights.
void bench_panels(Cpu& cpu, const LinearShape& s, In<float> w, In<float> x, Out<float> y) {
  const MemoryRows rows(w);
  const RowSource* const parts[] = {&rows};
  const PanelMatrix panels(GgmlType::F32, parts);
  for (const std::int64_t m : {1, 32, 512, 2048}) {
    const Timing t =
        measure([&] { launch(cpu, PanelMatmul{.x = first_rows(x, m), .w = &panels, .y = first_rows(y, m)}); }, 0.2);
    print_gemm((std::string(s.name) + " panels").c_str(), m, 2.0 * static_cast<double>(m * s.out * s.in), t);
  }
}

// Seconds of the layer's matrix products at 2,048 tokens: forward, dx and dW.
template <class T>
double bench_gemms(Cpu& cpu) {
  double training_s = 0;
  std::printf("matrix products, %s\n", sizeof(T) == 2 ? "bf16" : "f32");
  for (const LinearShape& s : kLinears) {
    const Buffer<float> w = random_buffer<float>({s.out, s.in}, 1);
    const PackedMatrix forward(kComputeOf<T>, w.in(), Product::Forward),
        backward(kComputeOf<T>, w.in(), Product::Backward);
    const Buffer<T> x = random_buffer<T>({kTokens, s.in}, 2), dy = random_buffer<T>({kTokens, s.out}, 3);
    Buffer<T> y({kTokens, s.out}), dx({kTokens, s.in});
    Buffer<float> dw({s.out, s.in});
    for (const std::int64_t m : {1, 8, 32, 64, 512, 2048}) {
      const double flop = 2.0 * static_cast<double>(m * s.out * s.in);
      const Timing t = measure(
          [&] { launch(cpu, Matmul<T, T>{.x = first_rows(x.in(), m), .w = &forward, .y = first_rows(y.out(), m)}); },
          0.2);
      print_gemm(s.name, m, flop, t);
      if (m == kTokens) training_s += t.best_s;
    }
    if constexpr (sizeof(T) == 4) bench_panels(cpu, s, w.in(), x.in(), y.out());
    const double flop = 2.0 * static_cast<double>(kTokens * s.out * s.in);
    const Timing dx_time = measure([&] { launch(cpu, Matmul<T, T>{.x = dy.in(), .w = &backward, .y = dx.out()}); });
    print_gemm((std::string(s.name) + " dx").c_str(), kTokens, flop, dx_time);
    const Timing dw_time =
        measure([&] { launch(cpu, MatmulWeightGrad<T>{.dy = dy.in(), .x = x.in(), .dw = dw.acc()}); });
    print_gemm((std::string(s.name) + " dW").c_str(), kTokens, flop, dw_time);
    training_s += dx_time.best_s + dw_time.best_s;
  }
  return training_s;
}

template <class T>
void bench_head(Cpu& cpu) {
  const Buffer<float> table = random_buffer<float>({kVocab, kHidden}, 1);
  PackedMatrix head(kComputeOf<T>, table.in(), Product::Forward);
  const Buffer<T> x = random_buffer<T>({512, kHidden}, 2);
  Buffer<float> logits({512, kVocab}), loss({512}), d_table({kVocab, kHidden});
  Buffer<T> d_logits({512, kVocab});
  Buffer<std::int32_t> labels({512});
  for (const std::int64_t m : {1, 8, 32, 512}) {
    const Timing t = measure(
        [&] {
          launch(cpu, Matmul<T, float>{.x = first_rows(x.in(), m), .w = &head, .y = first_rows(logits.out(), m)});
        },
        0.3);
    print_gemm("head 576->49152", m, 2.0 * static_cast<double>(m * kHidden * kVocab), t);
  }
  const Timing dw =
      measure([&] { launch(cpu, MatmulWeightGrad<T>{.dy = d_logits.in(), .x = x.in(), .dw = d_table.acc()}); });
  print_gemm("head dW", 512, 2.0 * 512 * kHidden * kVocab, dw);
  const PackedMatrix backward(kComputeOf<T>, table.in(), Product::Backward);
  Buffer<T> dx({512, kHidden});
  const Timing dx_time = measure([&] { launch(cpu, Matmul<T, T>{.x = d_logits.in(), .w = &backward, .y = dx.out()}); });
  print_gemm("head dx", 512, 2.0 * 512 * kHidden * kVocab, dx_time);
  print_op("CrossEntropy, 512 rows", [&] {
    launch(cpu, CrossEntropy<T>{.logits = logits.in(),
                                .labels = labels.in(),
                                .weights = {},
                                .loss = loss.out(),
                                .d_logits = d_logits.out()});
  });
  print_op("repack head (28M weights)", [&] { head.repack(table.in()); });
}

// Seconds of everything in a layer but its matrix products.
template <class T>
double bench_layer(Cpu& cpu) {
  std::printf("other ops of one layer, %ld tokens in sequences of %ld\n", static_cast<long>(kTokens),
              static_cast<long>(kSequence));
  const Buffer<T> qkv = random_buffer<T>({kTokens, kHeads.qkv_width()}, 4),
                  d_out = random_buffer<T>({kTokens, kHidden}, 5);
  const Buffer<T> gate_up = random_buffer<T>({kTokens, 2 * kFfn}, 6), d_ffn = random_buffer<T>({kTokens, kFfn}, 7);
  Buffer<T> rotated = random_buffer<T>({kTokens, kHeads.qkv_width()}, 4), out({kTokens, kHidden}),
            d_qkv({kTokens, kHeads.qkv_width()});
  Buffer<T> y({kTokens, kHidden}), ffn({kTokens, kFfn}), d_gate_up({kTokens, 2 * kFfn});
  Buffer<float> residual = random_buffer<float>({kTokens, kHidden}, 8), residual_out({kTokens, kHidden}),
                gamma = random_buffer<float>({kHidden}, 9);
  Buffer<float> inv({kTokens}), lse({kTokens, kHeads.n_heads}), d_residual({kTokens, kHidden}), d_gamma({kHidden});
  Buffer<std::int32_t> positions({kTokens});
  std::vector<std::int32_t> cu = {0};
  for (std::int64_t i = 0; i < kTokens; ++i) {
    positions[i] = static_cast<std::int32_t>(i % kSequence);
    if (positions[i] == 0 && i > 0) cu.push_back(static_cast<std::int32_t>(i));
  }
  cu.push_back(kTokens);
  const In<std::int32_t> cu_seqlens{cu.data(), {static_cast<std::int64_t>(cu.size())}};
  const RopeTable table(2048, rope_frequencies(kHeads.head_dim, 100000.0));
  double sum = 0;
  sum += 2 * print_op("RmsNorm (x2)", [&] {
           launch(cpu, RmsNorm<T>{.residual = residual.in(),
                                  .delta = out.in(),
                                  .residual_out = residual_out.out(),
                                  .gamma = gamma.in(),
                                  .y = y.out(),
                                  .inv_rms = inv.out()});
         });
  sum +=
      2 * print_op("Rope (forward, inverse)", [&] {
        launch(
            cpu,
            Rope<T>{
                .qkv = rotated.inout(), .positions = positions.in(), .table = &table, .n_heads = 9, .n_kv_heads = 3});
      });
  sum += print_op("Attention", [&] {
    launch(cpu, Attention<T>{
                    .qkv = qkv.in(), .cu_seqlens = cu_seqlens, .heads = kHeads, .out = out.out(), .lse = lse.out()});
  });
  sum += print_op("Swiglu", [&] { launch(cpu, Swiglu<T>{.gate_up = gate_up.in(), .y = ffn.out()}); });
  sum += print_op("SwigluGrad", [&] {
    launch(cpu, SwigluGrad<T>{.gate_up = gate_up.in(), .dy = d_ffn.in(), .d_gate_up = d_gate_up.out(), .y = ffn.out()});
  });
  sum += print_op("AttentionGrad", [&] {
    launch(cpu, AttentionGrad<T>{.qkv = qkv.in(),
                                 .cu_seqlens = cu_seqlens,
                                 .heads = kHeads,
                                 .out = out.in(),
                                 .lse = lse.in(),
                                 .d_out = d_out.in(),
                                 .d_qkv = d_qkv.out()});
  });
  sum += 2 * print_op("RmsNormGrad (x2)", [&] {
           launch(cpu, RmsNormGrad<T>{.r = residual.in(),
                                      .inv_rms = inv.in(),
                                      .gamma = gamma.in(),
                                      .dy = d_out.in(),
                                      .d_residual = d_residual.acc(),
                                      .d_delta = y.out(),
                                      .d_gamma = d_gamma.acc()});
         });
  return sum;
}

// The products that rank-16 adapters on all seven linears add to a layer; `low` is the adapters' width, side by side.
template <class T>
void bench_lora(Cpu& cpu) {
  std::printf("adapters of rank 16, one layer\n");
  constexpr std::int64_t kLowWidths[] = {48, 16, 32, 16};
  double sum = 0;
  for (std::size_t g = 0; g < std::size(kLinears); ++g) {
    const LinearShape& s = kLinears[g];
    const std::int64_t low = kLowWidths[g];
    const Buffer<float> a = random_buffer<float>({low, s.in}, 1), b = random_buffer<float>({s.out, low}, 2);
    const PackedMatrix a_forward(kComputeOf<T>, a.in(), Product::Forward),
        a_backward(kComputeOf<T>, a.in(), Product::Backward);
    const PackedMatrix b_forward(kComputeOf<T>, b.in(), Product::Forward),
        b_backward(kComputeOf<T>, b.in(), Product::Backward);
    const Buffer<T> x = random_buffer<T>({kTokens, s.in}, 3), dy = random_buffer<T>({kTokens, s.out}, 4);
    Buffer<T> h = random_buffer<T>({kTokens, low}, 5), y({kTokens, s.out}), dx({kTokens, s.in});
    Buffer<float> da({low, s.in}), db({s.out, low});
    const std::string name = s.name;
    sum += print_op((name + " x A^T").c_str(),
                    [&] { launch(cpu, Matmul<T, T>{.x = x.in(), .w = &a_forward, .y = h.out()}); });
    sum += print_op((name + " y += h B^T").c_str(), [&] {
      launch(cpu, Matmul<T, T>{.x = h.in(), .w = &b_forward, .y = y.out(), .write = Write::Add});
    });
    sum += print_op((name + " dh = dy B").c_str(),
                    [&] { launch(cpu, Matmul<T, T>{.x = dy.in(), .w = &b_backward, .y = h.out()}); });
    sum += print_op((name + " dx += dh A").c_str(), [&] {
      launch(cpu, Matmul<T, T>{.x = h.in(), .w = &a_backward, .y = dx.out(), .write = Write::Add});
    });
    sum += print_op((name + " dB += dy^T h").c_str(),
                    [&] { launch(cpu, MatmulWeightGrad<T>{.dy = dy.in(), .x = h.in(), .dw = db.acc()}); });
    sum += print_op((name + " dA += dh^T x").c_str(),
                    [&] { launch(cpu, MatmulWeightGrad<T>{.dy = h.in(), .x = x.in(), .dw = da.acc()}); });
  }
  std::printf("  sum %.2f ms\n", sum * 1e3);
}

template <class T>
void bench_decode(Cpu& cpu) {
  std::printf("cached attention, one layer\n");
  for (const auto& [n_sequences, n_rows, n_keys] :
       {std::array<std::int64_t, 3>{1, 1, 500}, {32, 1, 500}, {64, 1, 500}, {1, 512, 512}}) {
    constexpr std::int64_t kPageRows = 64;
    const std::int64_t pages_each = n_keys / kPageRows + 1;
    Buffer<T> memory = random_buffer<T>({2 * n_sequences * pages_each, kPageRows, kHeads.kv_width()}, 10);
    std::vector<std::vector<T*>> keys(static_cast<std::size_t>(n_sequences)), values = keys;
    std::vector<KvPages<T>> sequences;
    std::vector<CacheRow> rows;
    T* at = memory.data();
    for (std::int64_t s = 0; s < n_sequences; ++s) {
      for (auto* list : {&keys[static_cast<std::size_t>(s)], &values[static_cast<std::size_t>(s)]}) {
        for (std::int64_t p = 0; p < pages_each; ++p, at += kPageRows * kHeads.kv_width()) list->push_back(at);
      }
      sequences.push_back({keys[static_cast<std::size_t>(s)], values[static_cast<std::size_t>(s)]});
      for (std::int64_t r = 0; r < n_rows; ++r)
        rows.push_back({static_cast<std::int32_t>(s), static_cast<std::int32_t>(n_keys - n_rows + r + 1)});
    }
    const auto m = static_cast<std::int64_t>(rows.size());
    const Buffer<T> qkv = random_buffer<T>({m, kHeads.qkv_width()}, 11);
    Buffer<T> out({m, kHeads.q_width()});
    const std::string name = std::to_string(n_sequences) + " sequences x " + std::to_string(n_rows) + " rows, " +
                             std::to_string(n_keys) + " keys";
    print_op((name + ", KvAppend").c_str(), [&] {
      launch(cpu, KvAppend<T>{
                      .qkv = qkv.in(), .heads = kHeads, .rows = rows, .sequences = sequences, .page_rows = kPageRows});
    });
    print_op(name.c_str(), [&] {
      launch(cpu, CachedAttention<T>{.qkv = qkv.in(),
                                     .heads = kHeads,
                                     .rows = rows,
                                     .sequences = sequences,
                                     .page_rows = kPageRows,
                                     .out = out.out()});
    });
  }
}

void bench_optimizer(Cpu& cpu) {
  const std::int64_t n = 20'000'000;
  Buffer<float> param = random_buffer<float>({n}, 12), grad = random_buffer<float>({n}, 13), m({n}), v({n});
  double sum = 0;
  const double adamw_s = print_op("AdamW, 20M parameters", [&] {
    launch(cpu, AdamW{.param = param.inout(),
                      .m = m.inout(),
                      .v = v.inout(),
                      .grad = grad.in(),
                      .lr = 1e-4f,
                      .weight_decay = 0.01f});
  });
  std::printf("    %.1f GB/s\n", 28.0 * static_cast<double>(n) / adamw_s / 1e9);
  print_op("SumSquares, 20M", [&] { launch(cpu, SumSquares{.x = grad.in(), .sum = &sum}); });
}

template <class T>
void bench(Cpu& cpu) {
  std::printf("%s\n", describe_cpu(cpu).c_str());
  const double gemm_s = bench_gemms<T>(cpu);
  bench_head<T>(cpu);
  const double other_s = bench_layer<T>(cpu);
  std::printf(
      "one layer, full training step of %ld tokens: products %.2f ms, other ops %.2f ms (%.0f%%); x %d layers %.0f "
      "ms\n",
      static_cast<long>(kTokens), gemm_s * 1e3, other_s * 1e3, 100 * other_s / gemm_s, kLayers,
      kLayers * (gemm_s + other_s) * 1e3);
  bench_lora<T>(cpu);
  bench_decode<T>(cpu);
  bench_optimizer(cpu);
}

}  // namespace
}  // namespace faqsmith

int main(int argc, char** argv) {
  using namespace faqsmith;
  shorten_waiting(argv);
  Cpu cpu = detect_cpu();
  if (argc > 1) cpu.compute = std::strcmp(argv[1], "bf16") == 0 ? Compute::Bf16 : Compute::F32;
  if (argc > 2 && std::strcmp(argv[2], "cpu") == 0) timer = CLOCK_THREAD_CPUTIME_ID;
  if (cpu.compute == Compute::Bf16) {
    bench<bf16>(cpu);
  } else {
    bench<float>(cpu);
  }
}
