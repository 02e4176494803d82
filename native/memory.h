// Memory and its registration: mapMemory, memoryBuffer, regMr.
//
// What may be registered, and why it stays where the device writes to it:
// - a Uint8Array over a SharedArrayBuffer. Its bytes never move, it cannot be detached, and the
// region
//   holds a reference to it until it is closed. (Node-API cannot make a SharedArrayBuffer of memory
//   that it was given, so shared memory is made in JavaScript and registered here.)
// - memory from mapMemory: anonymous, huge pages, a file, or device DAX. The mapping goes when its
// handle
//   is closed (regions first, they are its children) and the last ArrayBuffer over it is collected.
// A plain ArrayBuffer is refused: postMessage can carry it off to a thread that drops it, while the
// device still writes.
#pragma once

#include "device.h"

namespace farside {

// Bytes of address space; unmapped with its last owner.
struct Mapping {
  Mapping(void* start, size_t length) : start(start), length(length) {}
  Mapping(const Mapping&) = delete;
  ~Mapping();

  void* const start;
  const size_t length;
};

class Memory : public Resource {
 public:
  static constexpr Kind kKind = Kind::memory;
  Memory(const Library& library, std::shared_ptr<Mapping> mapping)
      : Resource(kKind, library), mapping(std::move(mapping)) {}

  std::shared_ptr<Mapping> mapping;

 protected:
  int release() override;
};

class Mr : public Resource {
 public:
  static constexpr Kind kKind = Kind::mr;
  Mr(std::shared_ptr<Pd> pd, ibv_mr* mr, std::shared_ptr<void> owner)
      : Resource(kKind, pd->library), mr(mr), pd(pd.get()), owner(std::move(owner)) {}

  ibv_mr* mr;
  Pd* pd;
  // Keeps the bytes where they are: a reference to the Uint8Array, or the mapping.
  std::shared_ptr<void> owner;

 protected:
  int release() override;
};

// Registers `length` bytes, with a message that names the limit where it was too low.
std::shared_ptr<Mr> registerMemory(Napi::Env env, const std::shared_ptr<Pd>& pd, void* address, size_t length,
                                   unsigned access, std::shared_ptr<void> owner);
// A share of a JavaScript object.
std::shared_ptr<void> keep(Napi::Value buffer);

// The bytes behind a Uint8Array over a SharedArrayBuffer; false where `value` is none.
bool sharedBytes(Napi::Value value, void** address, size_t* length);

void exportMemory(Napi::Env env, Napi::Object exports);

}  // namespace farside
