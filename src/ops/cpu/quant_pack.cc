// QuantMatrix: blocks of a file to panels of 16 rows, and a row back to floats.
#include <algorithm>
#include <array>
#include <cstring>

#include "ops/cpu/quant_layout.h"
#include "ops/cpu/quant_source.h"
#include "sys/parallel.h"
#include "tensor/quantize.h"
#include "tensor/quants.h"

namespace faqsmith {

using namespace quant;

bool has_quant_kernel(GgmlType type) {
  return format_of(type).bits > 0;
}

namespace {

std::int64_t block_bytes_of(GgmlType type) {
  return find_type(static_cast<std::uint32_t>(type))->block_bytes;
}

// A bit plane of a row's chunk: quads are its 8 words of 4 codes; shift: where the plane's bits stand in a code.
void write_plane(const std::uint32_t* quads, int bits, int shift, std::uint8_t* row_of_plane) {
  const auto put = [&](std::int64_t vector, std::uint32_t word) {
    std::memcpy(row_of_plane + vector * kVector, &word, sizeof word);
  };
  const auto spread = ((1u << bits) - 1u) * 0x01010101u;
  const int vectors = bits, quads_a_vector = 8 / bits;
  for (int v = 0; v < vectors; ++v) {
    std::uint32_t word = 0;
    for (int p = 0; p < quads_a_vector; ++p) word |= ((quads[p * vectors + v] >> shift) & spread) << (p * bits);
    put(v, word);
  }
}

void write_codes(const std::uint8_t* codes, const Format& f, std::int64_t row, std::uint8_t* chunk) {
  std::uint32_t quads[kQuads];
  std::memcpy(quads, codes, sizeof quads);
  std::uint8_t* const at = chunk + row * 4;
  write_plane(quads, f.wide_bits(), 0, at);
  if (f.bits > f.wide_bits()) write_plane(quads, f.bits - f.wide_bits(), f.wide_bits(), at + kVector * f.wide_bits());
}

void write_scales(const SourceBlock& block, const Format& f, std::int64_t row, std::uint8_t* scales) {
  std::memcpy(scales + 2 * row, &block.d, 2);
  if (f.has_min) std::memcpy(scales + kHalves + 2 * row, &block.dmin, 2);
  if (!f.is_super) return;
  std::uint8_t* const groups = scales + (f.has_min ? 2 * kHalves : kHalves);
  const std::int64_t n = kSuperBlock / f.group;
  for (std::int64_t g = 0; g < n; ++g) {
    groups[g * kPanelRows + row] = block.scales[g];
    if (f.has_min && !f.packed_scale) groups[(n + g) * kPanelRows + row] = block.mins[g];
  }
}

Part make_part(const QuantPart& source, std::int64_t in, std::int64_t first_row, Arena& arena) {
  const Format f = format_of(source.type);
  require(has_quant_kernel(source.type) && in % f.block() == 0,
          "QuantMatrix: a row is whole blocks of a type that has them");
  Part part;
  part.type = source.type;
  part.rows = static_cast<std::int64_t>(source.rows.size());
  part.first_row = first_row;
  part.chunks = in / kChunk;
  part.scales_at = part.chunks * f.chunk_codes();
  part.panel_bytes = part.scales_at + round_up_to_vector(in / f.block() * f.block_scales());
  part.data = arena.take(static_cast<std::size_t>(part.bytes()));
  const std::int64_t bytes = block_bytes_of(source.type), chunks_a_block = f.block() / kChunk;
  parallel_for(part.rows, [&](std::int64_t begin, std::int64_t end) {
    SourceBlock block;
    for (std::int64_t row = begin; row < end; ++row) {
      std::uint8_t* const panel = part.data + row / kPanelRows * part.panel_bytes;
      for (std::int64_t b = 0; b < in / f.block(); ++b) {
        take_apart(source.type, source.rows[static_cast<std::size_t>(row)] + b * bytes, block);
        for (std::int64_t c = 0; c < chunks_a_block; ++c) {
          write_codes(block.codes + c * kChunk, f, row % kPanelRows,
                      panel + (b * chunks_a_block + c) * f.chunk_codes());
        }
        write_scales(block, f, row % kPanelRows, panel + part.scales_at + b * f.block_scales());
      }
    }
  });
  return part;
}

struct ScaleAndMin {
  float scale, min;  // min is what is added
};

// Of one row and group; in the operations of the file format's own formula, so that values agree bit for bit.
ScaleAndMin scale_and_min(const std::uint8_t* panel_scales, const Format& f, std::int64_t row, std::int64_t column) {
  const std::uint8_t* const scales = panel_scales + column / f.block() * f.block_scales();
  const auto half = [&](std::int64_t at) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, scales + at + 2 * row, 2);
    return half_to_float(bits);
  };
  const float d = half(0), dmin = f.has_min ? half(kHalves) : 0.0f;
  if (!f.is_super) return {d, dmin};
  const std::uint8_t* const groups = scales + (f.has_min ? 2 * kHalves : kHalves);
  const std::int64_t g = column % kSuperBlock / f.group, n = kSuperBlock / f.group;
  const std::uint8_t scale = groups[g * kPanelRows + row];
  if (f.packed_scale) return {d * static_cast<float>(scale & 15), -(dmin * static_cast<float>(scale >> 4))};
  if (f.signed_scale) return {d * static_cast<float>(static_cast<std::int8_t>(scale)), 0.0f};
  return {d * static_cast<float>(scale), -(dmin * static_cast<float>(groups[(n + g) * kPanelRows + row]))};
}

}  // namespace

QuantMatrix::QuantMatrix() = default;
QuantMatrix::~QuantMatrix() = default;
QuantMatrix::QuantMatrix(QuantMatrix&&) noexcept = default;
QuantMatrix& QuantMatrix::operator=(QuantMatrix&&) noexcept = default;

QuantMatrix::QuantMatrix(std::span<const QuantPart> parts, std::int64_t in, std::shared_ptr<Arena> arena)
    : impl_(std::make_unique<Impl>()) {
  require(!parts.empty() && in > 0, "QuantMatrix: there are weights");
  impl_->in = in;
  impl_->arena = arena ? std::move(arena) : std::make_shared<Arena>(0);
  // Neighbours of one type are one part, so that a product is one loop over its panels.
  for (std::size_t p = 0; p < parts.size();) {
    QuantPart joined{parts[p].type, {}};
    for (; p < parts.size() && parts[p].type == joined.type; ++p)
      joined.rows.insert(joined.rows.end(), parts[p].rows.begin(), parts[p].rows.end());
    impl_->parts.push_back(make_part(joined, in, impl_->out, *impl_->arena));
    impl_->out += static_cast<std::int64_t>(joined.rows.size());
  }
}

QuantMatrix QuantMatrix::from_float(std::span<const In<float>> parts, std::shared_ptr<Arena> arena) {
  require(!parts.empty() && parts[0].shape.rank == 2, "QuantMatrix: parts are [out_i, in]");
  const std::int64_t in = parts[0].shape[1], row_bytes = in / kChunk * block_bytes_of(GgmlType::Q8_0);
  std::vector<QuantPart> sources;
  std::vector<std::vector<std::byte>> memory;
  for (const In<float>& part : parts) {
    require(part.shape.rank == 2 && part.shape[1] == in, "QuantMatrix: parts have the same number of columns");
    memory.push_back(
        quantize(GgmlType::Q8_0, {part.data, static_cast<std::size_t>(part.shape.size())}, "a matrix of the model"));
    sources.emplace_back();
    for (std::int64_t r = 0; r < part.shape[0]; ++r)
      sources.back().rows.push_back(memory.back().data() + r * row_bytes);
  }
  return QuantMatrix(sources, in, std::move(arena));
}

std::int64_t QuantMatrix::n_in() const {
  return impl_->in;
}
std::int64_t QuantMatrix::n_out() const {
  return impl_->out;
}
std::size_t QuantMatrix::bytes() const {
  std::int64_t sum = 0;
  for (const Part& part : impl_->parts) sum += part.bytes();
  return static_cast<std::size_t>(sum);
}

void QuantMatrix::decode_row(std::int64_t row, float* out) const {
  require(row >= 0 && row < impl_->out, "QuantMatrix: the row exists");
  std::size_t p = 0;
  while (row >= impl_->parts[p].first_row + impl_->parts[p].rows) ++p;
  const Part& part = impl_->parts[p];
  const Format f = format_of(part.type);
  const std::int64_t within = row - part.first_row, lane = within % kPanelRows;
  const std::uint8_t* const panel = part.panel(within / kPanelRows);
  for (std::int64_t column = 0; column < impl_->in; column += f.group) {
    const auto [scale, min] = scale_and_min(panel + part.scales_at, f, lane, column);
    const std::uint8_t* const chunk = panel + column / kChunk * f.chunk_codes();
    for (std::int64_t c = 0; c < f.group; ++c) {
      const int code = code_at(chunk, f, lane, column % kChunk + c);
      out[column + c] =
          f.has_min ? scale * static_cast<float>(code) + min : scale * static_cast<float>(code - (1 << f.offset_log2));
    }
  }
}

}  // namespace faqsmith
