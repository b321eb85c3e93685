// Asks Linux for the tile registers, once.
#include "ops/cpu/amx.h"

#if defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>

#include "tensor/device.h"

namespace faqsmith::amx {

bool ready() {
  static const bool granted = [] {
    constexpr long kRequestPermission = 0x1023, kTileData = 18;  // arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)
    return usable_isa() >= Isa::Amx && syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  }();
  return granted;
}

}  // namespace faqsmith::amx
#endif
