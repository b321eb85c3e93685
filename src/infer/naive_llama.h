// The whole model in plain float64 loops, every position recomputed, no cache, no ops: what the engine's tests compare
// with. Far too slow for anything else.
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

#include "model/weights.h"

namespace faqsmith {

class NaiveLlama {
 public:
  using Matrix = std::vector<std::vector<double>>;
  explicit NaiveLlama(const Weights& weights) : w_(weights), c_(weights.config) {}

  // Logits of every position: [n][vocab].
  [[nodiscard]] Matrix logits(const std::vector<TokenId>& ids) const {
    Matrix x;
    for (TokenId id : ids) {
      const float* row = w_.embedding.data() + id * c_.hidden_size;
      x.emplace_back(row, row + c_.hidden_size);
    }
    for (const auto& layer : w_.layers) {
      add(x, attention(normed(x, layer.attention_norm), layer));
      add(x, mlp(normed(x, layer.mlp_norm), layer));
    }
    return times(normed(x, w_.final_norm), w_.head());
  }

 private:
  static void add(Matrix& x, const Matrix& y) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      for (std::size_t j = 0; j < x[i].size(); ++j) x[i][j] += y[i][j];
    }
  }
  // x W^T
  static Matrix times(const Matrix& x, const WeightMatrix& weight) {
    const auto n_out = static_cast<std::size_t>(weight.shape()[0]), n_in = static_cast<std::size_t>(weight.shape()[1]);
    Matrix y(x.size(), std::vector<double>(n_out));
    for (std::size_t i = 0; i < x.size(); ++i) {
      for (std::size_t o = 0; o < n_out; ++o) {
        for (std::size_t k = 0; k < n_in; ++k) y[i][o] += x[i][k] * static_cast<double>(weight.data()[o * n_in + k]);
      }
    }
    return y;
  }
  [[nodiscard]] Matrix normed(const Matrix& x, const Buffer<float>& gamma) const {
    Matrix y = x;
    for (auto& row : y) {
      double sum = 0;
      for (double v : row) sum += v * v;
      const double inverse =
          1 / std::sqrt(sum / static_cast<double>(row.size()) + static_cast<double>(c_.rms_norm_eps));
      for (std::size_t j = 0; j < row.size(); ++j) row[j] *= inverse * static_cast<double>(gamma.data()[j]);
    }
    return y;
  }
  void rotate(Matrix& x) const {
    const auto dim = static_cast<std::size_t>(c_.head_dim), half = dim / 2;
    for (std::size_t p = 0; p < x.size(); ++p) {
      for (std::size_t head = 0; head < x[p].size() / dim; ++head) {
        for (std::size_t i = 0; i < half; ++i) {
          const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(dim);
          const double angle = static_cast<double>(p) * std::pow(static_cast<double>(c_.rope_theta), exponent);
          double& a = x[p][head * dim + i];
          double& b = x[p][head * dim + half + i];
          const double rotated = a * std::cos(angle) - b * std::sin(angle);
          b = b * std::cos(angle) + a * std::sin(angle);
          a = rotated;
        }
      }
    }
  }
  [[nodiscard]] Matrix attention(const Matrix& h, const LayerWeights& layer) const {
    Matrix q = times(h, layer.at(Linear::Q)), k = times(h, layer.at(Linear::K)), v = times(h, layer.at(Linear::V));
    rotate(q);
    rotate(k);
    const auto dim = static_cast<std::size_t>(c_.head_dim), n_heads = static_cast<std::size_t>(c_.n_heads);
    const std::size_t group = n_heads / static_cast<std::size_t>(c_.n_kv_heads);
    Matrix out(h.size(), std::vector<double>(n_heads * dim));
    for (std::size_t i = 0; i < h.size(); ++i) {
      for (std::size_t head = 0; head < n_heads; ++head) {
        const std::size_t qa = head * dim, ka = head / group * dim;
        std::vector<double> p(i + 1);
        double sum = 0;
        for (std::size_t j = 0; j <= i; ++j) {
          for (std::size_t d = 0; d < dim; ++d) p[j] += q[i][qa + d] * k[j][ka + d];
          sum += p[j] = std::exp(p[j] / std::sqrt(static_cast<double>(dim)));
        }
        for (std::size_t j = 0; j <= i; ++j) {
          for (std::size_t d = 0; d < dim; ++d) out[i][qa + d] += p[j] / sum * v[j][ka + d];
        }
      }
    }
    return times(out, layer.at(Linear::O));
  }
  [[nodiscard]] static Matrix mlp(const Matrix& h, const LayerWeights& layer) {
    Matrix gate = times(h, layer.at(Linear::Gate));
    const Matrix up = times(h, layer.at(Linear::Up));
    for (std::size_t i = 0; i < gate.size(); ++i) {
      for (std::size_t j = 0; j < gate[i].size(); ++j) gate[i][j] *= up[i][j] / (1 + std::exp(-gate[i][j]));
    }
    return times(gate, layer.at(Linear::Down));
  }

  const Weights& w_;
  const LlamaConfig& c_;
};

}  // namespace faqsmith
