// Devices and protection domains: getDeviceList, openDevice, queryDevice, queryPort, queryGid,
// allocPd.
#pragma once

#include "resource.h"

namespace farside {

class Device : public Resource {
 public:
  static constexpr Kind kKind = Kind::device;
  Device(const Library& library, ibv_context* context, std::string name)
      : Resource(kKind, library), context(context), name(std::move(name)) {}

  ibv_context* context;
  const std::string name;

 protected:
  int release() override;
};

class Pd : public Resource {
 public:
  static constexpr Kind kKind = Kind::pd;
  Pd(std::shared_ptr<Device> device, ibv_pd* pd)
      : Resource(kKind, device->library), device(device.get()), pd(pd) {}

  Device* device;  // a parent, which the base class keeps alive
  ibv_pd* pd;

 protected:
  int release() override;
};

// The table that option `provider` of argument `index` names: "system" (the default; where
// FARSIDE_FAKE_NETWORK is set it is not) or "fake".
// Null with a pending exception.
const Library* takeLibrary(const Napi::CallbackInfo& info, size_t index, const char* verb);

void exportDevice(Napi::Env env, Napi::Object exports);

}  // namespace farside
