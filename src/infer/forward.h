// The forward pass of inference: rows of many sequences at once, keys and values in a paged cache (Kwon et al. 2023,
// arXiv 2309.06180). It computes what a StepBatch says; which rows and pages those are is the scheduler's business.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "infer/infer_linear.h"
#include "infer/step_times.h"
#include "model/weights.h"
#include "ops/cached_attention.h"
#include "tensor/device.h"

namespace faqsmith {

using PageId = std::int32_t;

// What the bytes of a row may depend on. SameBatch: the last bits also on what else is in the step. AnyBatch: on the
// row's own sequence alone (for one number of threads).
enum class Determinism { SameBatch, AnyBatch };

struct ForwardLimits {
  std::int64_t max_rows = 512;       // of one step
  std::int64_t max_logit_rows = 64;  // of one logits() call
  std::int64_t max_positions = 0;    // 0 = the model's
  std::int64_t n_pages = 0;          // of the cache; memory is taken when a page is first used
  std::int64_t page_rows = 16;       // tokens a page
  Determinism determinism = Determinism::SameBatch;
};

// One step. Rows of one sequence are neighbours, positions rising.
struct StepBatch {
  std::vector<std::int32_t> ids;               // [m]
  std::vector<std::int32_t> positions;         // [m]
  std::vector<CacheRow> rows;                  // [m]; rows[i].sequence indexes `pages`
  std::vector<std::span<const PageId>> pages;  // a sequence's pages, first token's first
  std::vector<std::int32_t> logit_rows;        // rows whose logits will be asked for
};

class ForwardPass {
 public:
  virtual ~ForwardPass() = default;
  // Brings the linears into their form and frees the model's own as it goes; the embedding table is kept in the form
  // that it has.
  [[nodiscard]] static std::unique_ptr<ForwardPass> create(const Cpu& cpu, Weights weights, const ForwardLimits& limits,
                                                           WeightForm form = WeightForm::Packed);

  // Computes all layers; appends the rows' keys and values to their pages.
  virtual void run(const StepBatch& batch) = 0;
  // LM head on batch.logit_rows [first, first + n) of the last run(): [n, vocab], valid until the next call.
  [[nodiscard]] virtual Out<float> logits(std::int64_t first, std::int64_t n) = 0;
  // Copies a page, all layers: its first tokens are then shared without being computed, the others are overwritten.
  virtual void copy_page(PageId from, PageId to) = 0;

  [[nodiscard]] virtual const LlamaConfig& config() const = 0;
  [[nodiscard]] virtual const ForwardLimits& limits() const = 0;
  [[nodiscard]] virtual std::size_t weight_bytes() const = 0;  // own memory; a mapped embedding is not in it
  virtual void measure(StepTimes* times) = 0;  // adds up from here on; nullptr: no longer. Outlives its use
};

// Memory of inference for a forecast, of weights that no file holds in blocks; the embedding table comes on top, as the
// model keeps it.
struct ForwardMemory {
  std::size_t weights = 0, page = 0, step_buffers = 0;
};
[[nodiscard]] ForwardMemory forecast_forward(const LlamaConfig& config, Compute compute, const ForwardLimits& limits,
                                             WeightForm form = WeightForm::Packed);

}  // namespace faqsmith
