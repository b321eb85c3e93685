// The cache of oneDNN's primitives. Making one costs 0.2-0.4 ms (a kernel is compiled), running one 5 us and up, so one
// is kept for each shape that was seen lately. The row count of inference varies, yet few hundred counts times five
// weights stay cheap: no padding to size classes. Training's packs seldom have the same number of rows twice, and a
// primitive takes 45 kB: all of them kept had added 0.2 GB to 550 steps. Results never depend on the cache.
#include "ops/cpu/onednn.h"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <unordered_map>

#include "base/error.h"
#include "tensor/buffer.h"

namespace faqsmith::onednn {

namespace {

using Desc = dnnl::memory::desc;
constexpr std::size_t kMaxGeneration = 512;

struct Entry {
  Desc a, b, c, scratch;
  dnnl::matmul primitive;
};

Desc strided(std::int64_t rows, std::int64_t columns, Type type, std::int64_t row_stride, std::int64_t column_stride) {
  return Desc({rows, columns}, type, dnnl::memory::dims{row_stride, column_stride});
}

dnnl::primitive_attr attributes(bool add, float scale) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (scale != 1.0f) attr.set_output_scales(0, {scale});
  if (add) {
    dnnl::post_ops post;
    post.append_sum(1.0f);
    attr.set_post_ops(post);
  }
  return attr;
}

std::shared_ptr<const Entry> make_entry(const Product& p) {
  const Desc a = p.a_transposed ? strided(p.m, p.k, p.type, 1, p.lda) : strided(p.m, p.k, p.type, p.lda, 1);
  const Desc b = p.packed_b ? *p.packed_b : strided(p.k, p.n, p.type, p.ldb, 1);
  const Desc c = strided(p.m, p.n, p.c_type, p.ldc, 1);
  try {
    const dnnl::matmul::primitive_desc pd(dnnl::matmul::desc(a, b, c), attributes(p.add, p.scale), engine());
    return std::make_shared<const Entry>(Entry{a, b, c, pd.scratchpad_desc(), dnnl::matmul(pd)});
  } catch (const dnnl::error& e) {
    throw Error(Kind::Device, fmt::format("oneDNN cannot multiply {} x {} x {}: {}", p.m, p.k, p.n, e.what()),
                "set FAQSMITH_COMPUTE=f32");
  }
}

std::string key_of(const Product& p) {
  const std::int64_t numbers[] = {
      static_cast<int>(p.type), static_cast<int>(p.c_type), p.m, p.k, p.n, p.lda, p.ldb, p.ldc, p.a_transposed, p.add};
  std::string key(reinterpret_cast<const char*>(numbers), sizeof numbers);
  key.append(reinterpret_cast<const char*>(&p.scale), sizeof p.scale);
  key.push_back(p.packed_b ? 'p' : '-');
  return key;
}

// A memo of a pure function, not state: the one global of this folder. Two generations: when the younger one is full,
// the older one goes, and what was not asked for meanwhile goes with it.
class Cache {
 public:
  Cache() { dnnl::set_primitive_cache_capacity(0); }  // oneDNN's own would keep them as well
  std::shared_ptr<const Entry> find(const std::string& key) {
    const std::lock_guard lock(mutex_);
    if (const auto it = young_.find(key); it != young_.end()) return it->second;
    const auto it = old_.find(key);
    if (it == old_.end()) return nullptr;
    const std::shared_ptr<const Entry> entry = it->second;
    return insert(key, entry);
  }
  std::shared_ptr<const Entry> add(const std::string& key, const std::shared_ptr<const Entry>& entry) {
    const std::lock_guard lock(mutex_);
    return insert(key, entry);
  }

 private:
  std::shared_ptr<const Entry> insert(const std::string& key, const std::shared_ptr<const Entry>& entry) {
    if (young_.size() >= kMaxGeneration) {
      old_ = std::move(young_);
      young_.clear();
    }
    return young_.try_emplace(key, entry).first->second;
  }
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const Entry>> young_, old_;
};

std::shared_ptr<const Entry> find_entry(const Product& p) {
  static Cache cache;
  const std::string key = key_of(p);
  if (auto entry = cache.find(key)) return entry;
  return cache.add(key, make_entry(p));  // made outside the lock: other shapes go on meanwhile
}

void* thread_scratch(std::size_t bytes) {
  thread_local Buffer<std::uint8_t> scratch;
  if (static_cast<std::size_t>(scratch.size()) < bytes)
    scratch = Buffer<std::uint8_t>({static_cast<std::int64_t>(bytes)});
  return scratch.data();
}

}  // namespace

dnnl::engine& engine() {
  static dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

dnnl::stream& stream() {
  thread_local dnnl::stream own(engine());
  return own;
}

namespace {

Desc ask_layout(Type type, std::int64_t reads, std::int64_t writes) {
  constexpr std::int64_t kTypicalRows = 512;  // the layout does not depend on it where a blocked one exists
  const Desc a({kTypicalRows, reads}, type, dnnl::memory::format_tag::ab);
  const Desc b({reads, writes}, type, dnnl::memory::format_tag::any);
  const Desc c({kTypicalRows, writes}, Type::f32, dnnl::memory::format_tag::ab);
  try {
    return dnnl::matmul::primitive_desc(dnnl::matmul::desc(a, b, c), engine()).weights_desc();
  } catch (const dnnl::error& e) {
    throw Error(
        Kind::Device,
        fmt::format("oneDNN offers no {} matrix product here: {}", type == Type::bf16 ? "bf16" : "f32", e.what()),
        "set FAQSMITH_COMPUTE=f32");
  }
}

}  // namespace

Desc packed_layout(Type type, std::int64_t reads, std::int64_t writes) {
  static std::mutex mutex;
  static std::map<std::tuple<int, std::int64_t, std::int64_t>, Desc> layouts;  // a memo like the primitives
  const std::lock_guard lock(mutex);
  const auto [it, is_new] = layouts.try_emplace({static_cast<int>(type), reads, writes});
  if (is_new) it->second = ask_layout(type, reads, writes);
  return it->second;
}

void multiply(const Product& product, const void* a, const void* b, void* c) {
  if (product.m == 0 || product.n == 0 || product.k == 0) return;
  const auto entry = find_entry(product);
  const dnnl::memory scratch(entry->scratch, engine(), thread_scratch(entry->scratch.get_size()));
  entry->primitive.execute(stream(), {{DNNL_ARG_SRC, dnnl::memory(entry->a, engine(), const_cast<void*>(a))},
                                      {DNNL_ARG_WEIGHTS, dnnl::memory(entry->b, engine(), const_cast<void*>(b))},
                                      {DNNL_ARG_DST, dnnl::memory(entry->c, engine(), c)},
                                      {DNNL_ARG_SCRATCHPAD, scratch}});
  stream().wait();
}

}  // namespace faqsmith::onednn
