#include "device.h"

#include <cerrno>

#include "errors.h"
#include "fake/fake.h"
#include "options.h"

namespace farside {
namespace {

// Why the system's libraries cannot be loaded; undefined where they can, or are not asked for.
Napi::Value MissingLibrary(const Napi::CallbackInfo& info) {
  if (fake::isDefault()) return info.Env().Undefined();
  std::string missing;
  if (loadLibrary(&missing) != nullptr) return info.Env().Undefined();
  return Napi::String::New(info.Env(), missing);
}

Napi::Value GetDeviceList(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const Library* library = takeLibrary(info, 0, "getDeviceList");
  if (library == nullptr) return env.Undefined();
  int count = 0;
  errno = 0;
  ibv_device** list = library->getDeviceList(&count);
  // Without the kernel's ib_uverbs this fails with ENOSYS: no RDMA here, so no devices.
  if (list == nullptr && errno == ENOSYS) return Napi::Array::New(env);
  if (list == nullptr) return throwErrno(env, "getDeviceList", "", errno);
  Napi::Array names = Napi::Array::New(env, count);
  for (int i = 0; i < count; i++) names[i] = Napi::String::New(env, library->getDeviceName(list[i]));
  library->freeDeviceList(list);
  return names;
}

ibv_context* openByName(const Library& library, const std::string& name) {
  errno = 0;
  ibv_device** list = library.getDeviceList(nullptr);
  if (list == nullptr) return nullptr;
  ibv_context* context = nullptr;
  int error = ENODEV;
  for (ibv_device** device = list; *device != nullptr; device++) {
    if (name != library.getDeviceName(*device)) continue;
    errno = 0;
    context = library.openDevice(*device);
    error = errno != 0 ? errno : EIO;
  }
  library.freeDeviceList(list);
  errno = error;
  return context;
}

Napi::Value OpenDevice(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsString()) return throwType(env, "openDevice: argument 1 must be a device's name");
  const std::string name = info[0].As<Napi::String>();
  const Library* library = takeLibrary(info, 1, "openDevice");
  if (library == nullptr) return env.Undefined();
  ibv_context* context = openByName(*library, name);
  if (context == nullptr) return throwErrno(env, "openDevice", "\"" + name + "\"", errno);
  auto device = makeResource<Device>(*library, context, name);
  device->addRoot(&State::of(env));
  return makeHandle(env, device);
}

Napi::Value QueryDevice(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto device = take<Device>(info, 0, "queryDevice");
  if (!device) return env.Undefined();
  ibv_device_attr attributes = {};
  int error = errnoOf(device->library.queryDevice(device->context, &attributes));
  if (error != 0) return throwErrno(env, "queryDevice", device->name, error);
  const uint64_t extended = extendedCapabilities(device->context);
  Napi::Object result = Napi::Object::New(env);
  result.Set("name", device->name);
  result.Set("firmware", std::string(attributes.fw_ver));
  result.Set("maxQp", attributes.max_qp);
  result.Set("maxQpWr", attributes.max_qp_wr);
  result.Set("maxSge", attributes.max_sge);
  result.Set("maxCq", attributes.max_cq);
  result.Set("maxCqe", attributes.max_cqe);
  result.Set("maxMr", attributes.max_mr);
  result.Set("maxMrSize", Napi::BigInt::New(env, static_cast<uint64_t>(attributes.max_mr_size)));
  result.Set("maxQpRdAtom", attributes.max_qp_rd_atom);
  result.Set("maxQpInitRdAtom", attributes.max_qp_init_rd_atom);
  static const char* const atomicity[] = {"none", "hca", "global"};
  result.Set("atomicCap",
             attributes.atomic_cap <= IBV_ATOMIC_GLOB ? atomicity[attributes.atomic_cap] : "unknown");
  result.Set("physPortCount", attributes.phys_port_cnt);
  result.Set("flushGlobal", (extended & kDeviceFlushGlobal) != 0);
  result.Set("flushPersistent", (extended & kDeviceFlushPersistent) != 0);
  result.Set("atomicWrite", (extended & kDeviceAtomicWrite) != 0);
  return result;
}

Napi::Value QueryPort(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto device = take<Device>(info, 0, "queryPort");
  if (!device) return env.Undefined();
  const double port = takeInteger(info, 1, "queryPort", "port", 1, 255);
  if (port < 0) return env.Undefined();
  ibv_port_attr attributes = {};
  int error = errnoOf(queryPort(device->library, device->context, static_cast<uint8_t>(port), &attributes));
  if (error != 0) {
    return throwErrno(env, "queryPort", format("%s port %.0f", device->name.c_str(), port), error);
  }
  static const char* const states[] = {"nop", "down", "init", "armed", "active", "active_defer"};
  Napi::Object result = Napi::Object::New(env);
  result.Set("state", attributes.state <= IBV_PORT_ACTIVE_DEFER ? states[attributes.state] : "unknown");
  result.Set("maxMtuBytes", 128 << attributes.max_mtu);
  result.Set("activeMtuBytes", 128 << attributes.active_mtu);
  result.Set("maxMessageBytes", attributes.max_msg_sz);
  result.Set("gidTableLength", attributes.gid_tbl_len);
  result.Set("lid", attributes.lid);
  result.Set("linkLayer", attributes.link_layer == IBV_LINK_LAYER_ETHERNET ? "ethernet" : "infiniband");
  return result;
}

Napi::Value QueryGid(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto device = take<Device>(info, 0, "queryGid");
  if (!device) return env.Undefined();
  const double port = takeInteger(info, 1, "queryGid", "port", 1, 255);
  if (port < 0) return env.Undefined();
  const double index = takeInteger(info, 2, "queryGid", "index", 0, 65535);
  if (index < 0) return env.Undefined();
  ibv_gid_entry entry = {};
  int error = errnoOf(static_cast<int>(device->library.queryGidEx(
      device->context, static_cast<uint32_t>(port), static_cast<uint32_t>(index), &entry, 0, sizeof(entry))));
  // An empty place in the table answers so.
  if (error == ENODATA) return env.Undefined();
  if (error != 0) {
    return throwErrno(env, "queryGid", format("%s port %.0f index %.0f", device->name.c_str(), port, index),
                      error);
  }
  static const char* const types[] = {"ib", "roce_v1", "roce_v2"};
  Napi::Object result = Napi::Object::New(env);
  result.Set("gid", Napi::Buffer<uint8_t>::Copy(env, entry.gid.raw, sizeof(entry.gid.raw)));
  result.Set("type", entry.gid_type <= IBV_GID_TYPE_ROCE_V2 ? types[entry.gid_type] : "unknown");
  return result;
}

Napi::Value AllocPd(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto device = take<Device>(info, 0, "allocPd");
  if (!device) return env.Undefined();
  errno = 0;
  ibv_pd* pd = device->library.allocPd(device->context);
  if (pd == nullptr) return throwErrno(env, "allocPd", device->name, errno);
  auto resource = makeResource<Pd>(device, pd);
  resource->addParent(device);
  return makeHandle(env, resource);
}

}  // namespace

const Library* takeLibrary(const Napi::CallbackInfo& info, size_t index, const char* verb) {
  Options options(info, index, verb);
  const std::string provider = options.text("provider", fake::isDefault() ? "fake" : "system");
  if (!options.ok()) return nullptr;
  if (provider == "fake") return &fake::library();
  if (provider != "system") {
    throwType(info.Env(),
              std::string(verb) + ": provider must be \"system\" or \"fake\", not \"" + provider + "\"");
    return nullptr;
  }
  std::string missing;
  const Library* library = loadLibrary(&missing);
  if (library == nullptr) throwErrno(info.Env(), verb, missing, ENOSYS);
  return library;
}

int Device::release() { return errnoOf(library.closeDevice(context)); }

int Pd::release() { return errnoOf(library.deallocPd(pd)); }

void exportDevice(Napi::Env env, Napi::Object exports) {
  exports.Set("missingLibrary", Napi::Function::New(env, MissingLibrary));
  exports.Set("getDeviceList", Napi::Function::New(env, GetDeviceList));
  exports.Set("openDevice", Napi::Function::New(env, OpenDevice));
  exports.Set("queryDevice", Napi::Function::New(env, QueryDevice));
  exports.Set("queryPort", Napi::Function::New(env, QueryPort));
  exports.Set("queryGid", Napi::Function::New(env, QueryGid));
  exports.Set("allocPd", Napi::Function::New(env, AllocPd));
}

}  // namespace farside
