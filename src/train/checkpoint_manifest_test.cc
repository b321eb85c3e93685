// The shape in a manifest: a run goes on only with the very model that it was trained from.
#include "train/checkpoint_manifest.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/json_text.h"

namespace faqsmith {
namespace {

Manifest manifest() {
  Manifest out;
  out.options = "{}";
  LlamaConfig& c = out.config;
  c.hidden_size = 32;
  c.intermediate_size = 64;
  c.n_layers = 2;
  c.n_heads = c.n_kv_heads = 4;
  c.head_dim = 8;
  c.vocab_size = 19;
  c.max_positions = 64;
  c.attention_bias = c.mlp_bias = true;
  c.sliding_window = 24;
  c.rope_theta = 500000.1f;
  c.rope_scaling = {.kind = RopeScaling::Kind::Yarn,
                    .factor = 2.7f,
                    .original_positions = 24,
                    .beta_fast = 20.3f,
                    .beta_slow = 0.1f,
                    .attention_factor = 0.987654f,
                    .truncate = false};
  return out;
}

TEST(CheckpointManifest, KeepsEveryFieldOfTheShape) {
  for (const bool factors : {false, true}) {
    Manifest written = manifest();
    if (factors) {
      written.config.rope_scaling.kind = RopeScaling::Kind::Factors;
      written.config.rope_scaling.factors = {1.0f, 1.1f, 2.3f, 8.0f};
    }
    FileHashes files;
    EXPECT_EQ(manifest_from_json(manifest_to_json(written, {}), "manifest.json", files).config, written.config);
  }
}

TEST(CheckpointManifest, OlderOnesHaveAPlainModel) {
  Manifest written = manifest();
  auto json = parse_ordered_json(manifest_to_json(written, {}));
  json["format"] = 1;  // which had no hash of itself
  json.erase("sha256");
  for (const char* key : {"rope_scaling", "attention_bias", "mlp_bias", "sliding_window"}) json["config"].erase(key);
  FileHashes files;
  const LlamaConfig read = manifest_from_json(json_text(json), "manifest.json", files).config;
  EXPECT_EQ(read.rope_scaling, RopeScaling{});
  EXPECT_FALSE(read.attention_bias || read.mlp_bias);
  EXPECT_EQ(read.sliding_window, 0);
  EXPECT_EQ(read.hidden_size, 32);
}

TEST(CheckpointManifest, AnyFlippedBitIsNoticedOrChangesNothing) {
  const std::string text = manifest_to_json(manifest(), {{"weights.safetensors", sha256_hex("weights")}});
  std::size_t n_noticed = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = text;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      FileHashes files;
      try {
        const Manifest read = manifest_from_json(flipped, "manifest.json", files);
        EXPECT_EQ(manifest_to_json(read, files), text) << "byte " << i << ", bit " << bit;
      } catch (const Error&) {
        ++n_noticed;
      }
    }
  }
  EXPECT_GT(n_noticed, text.size() * 6);  // the rest fell into white space
}

}  // namespace
}  // namespace faqsmith
