// The ops of infer/forward.cc with weights that are packed, used and freed a few rows at a time.
#include "infer/layerwise.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "model/rope_scaling.h"
#include "ops/cached_attention.h"
#include "ops/elementwise.h"
#include "ops/matmul.h"
#include "ops/rms_norm.h"
#include "ops/swiglu.h"
#include "sys/interrupt.h"
#include "sys/scratch_file.h"

namespace faqsmith {
namespace {

constexpr float kNone = -INFINITY;
constexpr std::int64_t kPageRows = 16;  // of keys and values

Heads heads_of(const LlamaConfig& config) {
  return {config.n_heads, config.n_kv_heads, config.head_dim, config.sliding_window};
}

std::int64_t pages_for(std::int64_t n_tokens) {
  return (n_tokens + kPageRows - 1) / kPageRows;
}

// Keys and values of every layer between two passes. On disk: a 7B model has a gigabyte of them for a dozen prompts.
class KvStore {
 public:
  KvStore(const fs::path& folder, const LlamaConfig& config, std::size_t n_sequences, std::int64_t longest)
      : file_(folder),
        page_floats_(kPageRows * heads_of(config).kv_width()),
        n_sequences_(n_sequences),
        n_pages_(pages_for(longest)) {}

  // keys and values begin at the sequence's page 0.
  void load(std::int64_t layer, std::size_t sequence, std::int64_t n_pages, float* keys, float* values) const {
    file_.read(offset(layer, sequence, 0, 0), keys, bytes(n_pages));
    file_.read(offset(layer, sequence, 1, 0), values, bytes(n_pages));
  }
  void save(std::int64_t layer, std::size_t sequence, std::int64_t first, std::int64_t n, const float* keys,
            const float* values) {
    file_.write(offset(layer, sequence, 0, first), keys + first * page_floats_, bytes(n));
    file_.write(offset(layer, sequence, 1, first), values + first * page_floats_, bytes(n));
  }

 private:
  [[nodiscard]] std::size_t bytes(std::int64_t n_pages) const {
    return static_cast<std::size_t>(n_pages * page_floats_) * sizeof(float);
  }
  [[nodiscard]] std::size_t offset(std::int64_t layer, std::size_t sequence, std::size_t part,
                                   std::int64_t page) const {
    const std::size_t run = (static_cast<std::size_t>(layer) * n_sequences_ + sequence) * 2 + part;
    return run * bytes(n_pages_) + bytes(page);
  }

  ScratchFile file_;
  std::int64_t page_floats_;
  std::size_t n_sequences_;
  std::int64_t n_pages_;
};

// What earlier passes left of each job.
struct Kept {
  KvStore* store = nullptr;            // null: nothing, and nothing is left behind
  std::vector<std::size_t> sequences;  // [job] where in the store
  std::vector<std::int64_t> n_done;    // [job] positions that the store holds; at most the job's first
};

class Pass {
 public:
  Pass(const TensorSource& source, const std::vector<LayerwiseJob>& jobs, Kept kept)
      : source_(source), jobs_(jobs), kept_(std::move(kept)), config_(source.config()), heads_(heads_of(config_)) {
    kept_.n_done.resize(jobs.size());
    for (std::size_t j = 0; j < jobs.size(); ++j) {
      const auto n = static_cast<std::int64_t>(jobs[j].ids.size());
      require(kept_.n_done[j] <= jobs[j].first && jobs[j].first < n, "a job computes the position that it asks for");
      first_row_.push_back(n_rows_);
      n_rows_ += n - kept_.n_done[j];
      longest_ = std::max(longest_, n);
    }
    tensors_ = model_tensors(config_);
    rope_ = make_rope_table(config_, longest_);
    residual_ = Buffer<float>({n_rows_, config_.hidden_size});
    hidden_ = Buffer<float>({n_rows_, config_.hidden_size});
    delta_ = Buffer<float>({n_rows_, config_.hidden_size});
    qkv_ = Buffer<float>({n_rows_, heads_.qkv_width()});
    attention_ = Buffer<float>({n_rows_, heads_.q_width()});
    gate_up_ = Buffer<float>({n_rows_, 2 * config_.intermediate_size});
    mlp_ = Buffer<float>({n_rows_, config_.intermediate_size});
    n_pages_ = pages_for(longest_);
    const Shape pages = {static_cast<std::int64_t>(jobs.size()) * n_pages_, kPageRows * heads_.kv_width()};
    keys_ = Buffer<float>(pages);
    values_ = Buffer<float>(pages);
    lay_out_rows();
  }

  LayerwiseResult run() {
    embed();
    keep_state(false);
    for (std::int64_t layer = 0; layer < config_.n_layers; ++layer) {
      stop_if_interrupted();
      attend(layer);
      feed_forward(layer);
      keep_state(true);
    }
    norm("model.norm.weight", true);
    read_head();
    return std::move(result_);
  }

 private:
  void lay_out_rows() {
    for (std::size_t j = 0; j < jobs_.size(); ++j) {
      for (auto i = kept_.n_done[j]; i < static_cast<std::int64_t>(jobs_[j].ids.size()); ++i) {
        positions_.push_back(static_cast<std::int32_t>(i));
        rows_.push_back({static_cast<std::int32_t>(j), static_cast<std::int32_t>(i + 1)});
      }
    }
    for (std::int64_t page = 0; page < keys_.shape()[0]; ++page) {
      key_pages_.push_back(keys_.data() + page * keys_.shape()[1]);
      value_pages_.push_back(values_.data() + page * values_.shape()[1]);
    }
    const auto n = static_cast<std::size_t>(n_pages_);
    for (std::size_t j = 0; j < jobs_.size(); ++j)
      sequences_.push_back({.keys = {&key_pages_[j * n], n}, .values = {&value_pages_[j * n], n}});
  }

  [[nodiscard]] std::int64_t row_of(std::size_t job, std::int64_t position) const {
    return first_row_[job] + position - kept_.n_done[job];
  }

  [[nodiscard]] const ModelTensor& tensor(const std::string& name) const {
    return *std::find_if(tensors_.begin(), tensors_.end(), [&](const ModelTensor& t) { return t.name == name; });
  }

  void embed() {
    const ModelTensor& table = tensor("model.embed_tokens.weight");
    std::int64_t row = 0;
    for (std::size_t j = 0; j < jobs_.size(); ++j) {
      for (auto i = static_cast<std::size_t>(kept_.n_done[j]); i < jobs_[j].ids.size(); ++i)
        source_.read_rows(table, jobs_[j].ids[i], 1, residual_.data() + row++ * config_.hidden_size);
    }
    source_.release_pages(table);
  }

  // The residual stream is residual_, and delta_ where the last block has not been added yet.
  void keep_state(bool with_delta) {
    Buffer<float> state({static_cast<std::int64_t>(jobs_.size()), config_.hidden_size});
    for (std::size_t j = 0; j < jobs_.size(); ++j) {
      const std::int64_t from = row_of(j, jobs_[j].first) * config_.hidden_size;
      for (std::int64_t c = 0; c < config_.hidden_size; ++c) {
        state[static_cast<std::int64_t>(j) * config_.hidden_size + c] =
            residual_[from + c] + (with_delta ? delta_[from + c] : 0.0f);
      }
    }
    result_.states.push_back(std::move(state));
  }

  void norm(const std::string& name, bool add_delta) {
    const Buffer<float> gamma = source_.read(tensor(name));
    launch(cpu_, RmsNorm<float>{.residual = residual_.out(),
                                .delta = add_delta ? delta_.in() : In<float>{},
                                .residual_out = residual_.out(),
                                .gamma = gamma.in(),
                                .y = hidden_.out(),
                                .inv_rms = {},
                                .eps = config_.rms_norm_eps});
  }

  // y[:, column …) = x W^T + b; returns the column behind.
  std::int64_t linear(std::int64_t layer, Linear which, In<float> x, Buffer<float>& y, std::int64_t column) {
    const ModelTensor weight = linear_tensor(config_, layer, which);
    read_in_pieces(source_, weight, 1, [&](std::int64_t first, std::int64_t n, std::span<const float> values) {
      const PackedMatrix packed(Compute::F32, In<float>{values.data(), {n, weight.row_size()}}, Product::Forward);
      // Into rows of its own: oneDNN has no fast float32 product into a part of wider rows.
      Buffer<float> part({n_rows_, n});
      launch(cpu_, Matmul<float, float>{.x = x, .w = &packed, .y = part.out()});
      const std::int64_t width = y.shape()[1];
      for (std::int64_t row = 0; row < n_rows_; ++row)
        std::copy_n(part.data() + row * n, n, y.data() + row * width + column + first);
    });
    if (has_bias(config_, which)) {
      const Buffer<float> bias = source_.read(tensor(hf_bias_name(layer, which)));
      const std::int64_t width = y.shape()[1];
      for (std::int64_t row = 0; row < n_rows_; ++row) {
        for (std::int64_t c = 0; c < bias.size(); ++c) y[row * width + column + c] += bias[c];
      }
    }
    return column + weight.n_rows();
  }

  void load_kept(std::int64_t layer) {
    for (std::size_t j = 0; kept_.store != nullptr && j < jobs_.size(); ++j)
      kept_.store->load(layer, kept_.sequences[j], pages_for(kept_.n_done[j]), sequences_[j].keys[0],
                        sequences_[j].values[0]);
  }
  void save_new(std::int64_t layer) {
    for (std::size_t j = 0; kept_.store != nullptr && j < jobs_.size(); ++j) {
      const std::int64_t first = kept_.n_done[j] / kPageRows;
      const std::int64_t end = pages_for(static_cast<std::int64_t>(jobs_[j].ids.size()));
      kept_.store->save(layer, kept_.sequences[j], first, end - first, sequences_[j].keys[0], sequences_[j].values[0]);
    }
  }

  void attend(std::int64_t layer) {
    norm("model.layers." + std::to_string(layer) + ".input_layernorm.weight", layer > 0);
    std::int64_t column = 0;
    for (const Linear l : {Linear::Q, Linear::K, Linear::V}) column = linear(layer, l, hidden_.in(), qkv_, column);
    launch(cpu_, Rope<float>{.qkv = {qkv_.data(), qkv_.shape()},
                             .positions = {positions_.data(), {n_rows_}},
                             .table = &rope_,
                             .n_heads = heads_.n_heads,
                             .n_kv_heads = heads_.n_kv_heads});
    load_kept(layer);
    launch(cpu_,
           KvAppend<float>{
               .qkv = qkv_.in(), .heads = heads_, .rows = rows_, .sequences = sequences_, .page_rows = kPageRows});
    save_new(layer);
    launch(cpu_, CachedAttention<float>{.qkv = qkv_.in(),
                                        .heads = heads_,
                                        .rows = rows_,
                                        .sequences = sequences_,
                                        .page_rows = kPageRows,
                                        .out = attention_.out()});
    linear(layer, Linear::O, attention_.in(), delta_, 0);
  }

  void feed_forward(std::int64_t layer) {
    norm("model.layers." + std::to_string(layer) + ".post_attention_layernorm.weight", true);
    const std::int64_t up = linear(layer, Linear::Gate, hidden_.in(), gate_up_, 0);
    linear(layer, Linear::Up, hidden_.in(), gate_up_, up);
    launch(cpu_, Swiglu<float>{.gate_up = gate_up_.in(), .y = mlp_.out()});
    linear(layer, Linear::Down, mlp_.in(), delta_, 0);
  }

  // Rows that the head is asked for, one behind the other, and what comes after each (-1: nothing).
  void gather_asked(Buffer<float>& x, std::vector<TokenId>& following) {
    std::int64_t n = 0;
    for (const LayerwiseJob& job : jobs_) n += static_cast<std::int64_t>(job.ids.size()) - job.first;
    x = Buffer<float>({n, config_.hidden_size});
    std::int64_t row = 0;
    for (std::size_t j = 0; j < jobs_.size(); ++j) {
      const std::vector<TokenId>& ids = jobs_[j].ids;
      for (auto i = static_cast<std::size_t>(jobs_[j].first); i < ids.size(); ++i, ++row) {
        const std::int64_t from = row_of(j, static_cast<std::int64_t>(i));
        std::copy_n(hidden_.data() + from * config_.hidden_size, config_.hidden_size,
                    x.data() + row * config_.hidden_size);
        following.push_back(i + 1 < ids.size() ? ids[i + 1] : -1);
      }
    }
  }

  // Over the vocabulary in pieces: the two best, and the sum of exponentials by its running maximum.
  struct Seen {
    NextPrediction next{.likeliest_logit = kNone, .second_logit = kNone};
    double sum = 0;  // of exp(logit - likeliest_logit)
    float following = 0;
  };
  static void see(Seen& seen, TokenId id, float logit) {
    NextPrediction& next = seen.next;
    if (logit > next.likeliest_logit) {
      const double shrink = static_cast<double>(next.likeliest_logit) - static_cast<double>(logit);
      seen.sum = seen.sum * std::exp(shrink) + 1;
      next.second = next.likeliest;
      next.second_logit = next.likeliest_logit;
      next.likeliest = id;
      next.likeliest_logit = logit;
      return;
    }
    seen.sum += std::exp(static_cast<double>(logit) - static_cast<double>(next.likeliest_logit));
    if (logit > next.second_logit) {
      next.second = id;
      next.second_logit = logit;
    }
  }

  void read_head() {
    Buffer<float> x;
    std::vector<TokenId> following;
    gather_asked(x, following);
    const std::int64_t n = x.shape()[0];
    std::vector<Seen> seen(static_cast<std::size_t>(n));
    result_.logits = Buffer<float>({static_cast<std::int64_t>(jobs_.size()), config_.vocab_size});
    const ModelTensor& head = tensor(config_.tied_embeddings ? "model.embed_tokens.weight" : "lm_head.weight");
    read_in_pieces(source_, head, 1, [&](std::int64_t first, std::int64_t rows, std::span<const float> values) {
      const PackedMatrix packed(Compute::F32, In<float>{values.data(), {rows, head.row_size()}}, Product::Forward);
      Buffer<float> logits({n, rows});
      launch(cpu_, Matmul<float, float>{.x = x.in(), .w = &packed, .y = logits.out()});
      for (std::int64_t i = 0; i < n; ++i) {
        const float* row = logits.data() + i * rows;
        Seen& s = seen[static_cast<std::size_t>(i)];
        for (std::int64_t c = 0; c < rows; ++c) see(s, static_cast<TokenId>(first + c), row[c]);
        const std::int64_t next = following[static_cast<std::size_t>(i)] - first;
        if (next >= 0 && next < rows) s.following = row[next];
      }
      keep_logits(logits, first);
    });
    spread(seen, following);
  }

  void keep_logits(const Buffer<float>& logits, std::int64_t first) {
    std::int64_t row = 0;
    for (std::size_t j = 0; j < jobs_.size(); ++j) {
      const std::int64_t width = logits.shape()[1];
      std::copy_n(logits.data() + row * width, width,
                  result_.logits.data() + static_cast<std::int64_t>(j) * config_.vocab_size + first);
      row += static_cast<std::int64_t>(jobs_[j].ids.size()) - jobs_[j].first;
    }
  }

  void spread(const std::vector<Seen>& seen, const std::vector<TokenId>& following) {
    std::size_t at = 0;
    for (const LayerwiseJob& job : jobs_) {
      result_.next.emplace_back();
      for (auto i = static_cast<std::size_t>(job.first); i < job.ids.size(); ++i, ++at) {
        NextPrediction next = seen[at].next;
        const double log_sum = static_cast<double>(next.likeliest_logit) + std::log(seen[at].sum);
        if (following[at] >= 0) next.log_probability = static_cast<double>(seen[at].following) - log_sum;
        result_.next.back().push_back(next);
      }
    }
  }

  const TensorSource& source_;
  const std::vector<LayerwiseJob>& jobs_;
  Kept kept_;
  const LlamaConfig& config_;
  Heads heads_;
  Cpu cpu_{.compute = Compute::F32};
  std::vector<ModelTensor> tensors_;
  RopeTable rope_;
  std::int64_t n_rows_ = 0, longest_ = 0, n_pages_ = 0;  // pages of a sequence
  std::vector<std::int64_t> first_row_;                  // of each job
  std::vector<std::int32_t> positions_;
  std::vector<CacheRow> rows_;
  Buffer<float> residual_, hidden_, delta_, qkv_, attention_, gate_up_, mlp_;  // [n_rows, …]
  Buffer<float> keys_, values_;  // [n_jobs · n_pages, page_rows · kv_width]
  std::vector<float*> key_pages_, value_pages_;
  std::vector<KvPages<float>> sequences_;
  LayerwiseResult result_;
};

}  // namespace

LayerwiseResult run_layerwise(const TensorSource& source, const std::vector<LayerwiseJob>& jobs) {
  require(!jobs.empty(), "there is something to run");
  return Pass(source, jobs, {}).run();
}

GreedyTexts continue_greedily(const TensorSource& source, const std::vector<std::vector<TokenId>>& prompts,
                              std::vector<std::vector<TokenId>> drafts, int n_tokens,
                              const std::vector<TokenId>& end_tokens, const fs::path& scratch_folder) {
  GreedyTexts out;
  std::size_t longest = 0;
  for (const auto& prompt : prompts) longest = std::max(longest, prompt.size() + static_cast<std::size_t>(n_tokens));
  KvStore store(scratch_folder, source.config(), prompts.size(), static_cast<std::int64_t>(longest));
  out.tokens.resize(prompts.size());
  drafts.resize(prompts.size());
  std::vector<std::size_t> live(prompts.size());
  std::iota(live.begin(), live.end(), std::size_t{0});
  const auto wanted = static_cast<std::size_t>(n_tokens);
  while (!live.empty()) {
    std::vector<LayerwiseJob> jobs;
    Kept kept{.store = &store, .sequences = live, .n_done = {}};
    for (const std::size_t p : live) {
      LayerwiseJob job{prompts[p], 0};
      job.ids.insert(job.ids.end(), out.tokens[p].begin(), out.tokens[p].end());
      job.first = static_cast<std::int64_t>(job.ids.size()) - 1;
      // All but the last token of what is certain: drafts that were wrong are overwritten.
      kept.n_done.push_back(out.tokens[p].empty() ? 0 : job.first);
      const std::vector<TokenId>& draft = drafts[p];
      // The last of the tokens needs no draft: the position before it tells it.
      const std::size_t room = std::min({wanted - 1, draft.size()});
      for (std::size_t i = out.tokens[p].size(); i < room; ++i) job.ids.push_back(draft[i]);
      jobs.push_back(std::move(job));
    }
    const LayerwiseResult result = Pass(source, jobs, std::move(kept)).run();
    ++out.n_passes;
    std::vector<std::size_t> still;
    for (std::size_t k = 0; k < live.size(); ++k) {
      std::vector<TokenId>& tokens = out.tokens[live[k]];
      bool ended = false;
      for (std::size_t i = 0; i < result.next[k].size(); ++i) {
        const TokenId token = result.next[k][i].likeliest;
        const std::size_t at = tokens.size();
        tokens.push_back(token);
        ended = tokens.size() == wanted || std::find(end_tokens.begin(), end_tokens.end(), token) != end_tokens.end();
        const bool drafted = at < drafts[live[k]].size() && drafts[live[k]][at] == token;
        if (ended || !drafted) break;
      }
      if (!ended) still.push_back(live[k]);
    }
    live = std::move(still);
  }
  return out;
}

}  // namespace faqsmith
