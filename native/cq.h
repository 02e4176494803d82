// Completion queues and the channels that tell of them: createCompChannel, createCq, reqNotifyCq,
// watchCompChannel (on libuv's loop), waitCompChannel (blocks the calling thread).
//
// Completions themselves are reaped through a ring (ring.h), to which a completion queue belongs.
#pragma once

#include "device.h"
#include "watch.h"

namespace farside {

class Ring;

class Channel : public Resource {
 public:
  static constexpr Kind kKind = Kind::channel;
  Channel(std::shared_ptr<Device> device, ibv_comp_channel* channel)
      : Resource(kKind, device->library), channel(channel), device(device.get()) {}

  // Takes and acknowledges every event that has come; true if there was one.
  bool drain();

  ibv_comp_channel* channel;
  Device* device;
  FileWatch watch;

 protected:
  int release() override;
};

class Cq : public Resource {
 public:
  static constexpr Kind kKind = Kind::cq;
  Cq(std::shared_ptr<Device> device, ibv_cq* cq)
      : Resource(kKind, device->library), cq(cq), device(device.get()) {}

  ibv_cq* cq;
  Device* device;
  Ring* ring = nullptr;   // at most one, a child
  uint32_t reserved = 0;  // entries that the queue pairs of its ring may need at once

 protected:
  int release() override;
};

void exportCq(Napi::Env env, Napi::Object exports);

}  // namespace farside
