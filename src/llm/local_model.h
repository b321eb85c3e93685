// A chat model in this process: weights, tokenizer, template and engine together, behind the ChatModel interface.
// One thread calls it at a time; each call uses all cores.
#pragma once
#include <memory>
#include <string>

#include "infer/engine.h"
#include "llm/chat_model.h"
#include "model/weights.h"
#include "tensor/device.h"

namespace faqsmith {

class LocalModel final : public ChatModel {
 public:
  // From weights that are already in memory (base model plus checkpoint): takes them over. id: name and hash, part of
  // stage keys. Throws Error(Input) for an unknown tokenizer or template, or if they do not fit the weights.
  LocalModel(Weights weights, TokenizerSpec tokenizer, std::string id, const Cpu& cpu,
             const EngineOptions& options = {});
  ~LocalModel() override;

  // generate() and score() give the same bytes for the same requests, thread count and options, whatever else is in the
  // list (Determinism::AnyBatch) or for the same list (SameBatch). A request that
  // cannot run (too long, bad option, bad schema) fails alone, with the reason in ChatReply::failure or Score::failure.
  // Ctrl-C throws Interrupted between two steps.
  [[nodiscard]] std::vector<ChatReply> generate(const std::vector<ChatRequest>& requests,
                                                const std::function<void(std::size_t done)>& on_done = {}) override;
  [[nodiscard]] std::vector<std::vector<Candidate>> candidates(
      const std::vector<ChatRequest>& requests, int n,
      const std::function<void(std::size_t done)>& on_done = {}) override;
  [[nodiscard]] std::vector<std::vector<ChatReply>> likeliest(
      const std::vector<ChatRequest>& requests, const NBest& options,
      const std::function<void(std::size_t done)>& on_done = {}) override;
  // Keeps what it computed: a next call whose messages continue these is answered without computing them again.
  [[nodiscard]] ChatReply stream(const ChatRequest& request,
                                 const std::function<bool(std::string_view)>& on_text) override;
  [[nodiscard]] std::vector<Score> score(const std::vector<ScoreRequest>& requests) override;
  [[nodiscard]] int count_tokens(std::string_view text) const override;
  [[nodiscard]] int max_context_tokens() const override;
  [[nodiscard]] std::int64_t n_parameters() const override;
  [[nodiscard]] std::string id() const override { return id_; }

  [[nodiscard]] const Tokenizer& tokenizer() const { return *tokenizer_; }
  [[nodiscard]] const ChatTemplate& chat_template() const { return *template_; }
  [[nodiscard]] Engine& engine() { return *engine_; }

 private:
  std::string id_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<ChatTemplate> template_;
  std::unique_ptr<Engine> engine_;
};

// Reads a model file and makes it ready to answer; its id is "<name>@<first 12 digits of its SHA-256>".
[[nodiscard]] std::unique_ptr<LocalModel> load_local_model(const fs::path& path, const Cpu& cpu,
                                                           const EngineOptions& options = {});
[[nodiscard]] std::string model_id(const std::string& name, const std::string& sha256);

}  // namespace faqsmith
