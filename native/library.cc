#include "library.h"

#include <dlfcn.h>

#include <cerrno>
#include <cstring>
#include <mutex>

namespace farside {
namespace {

struct Loaded {
  Library library = {};
  std::string missing;
};

class Opener {
 public:
  Opener(const char* file, std::string* missing) : missing_(missing) {
    handle_ = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) note(dlerror());
  }

  template <class Function>
  void bind(Function& function, const char* name) {
    if (handle_ == nullptr) return;
    void* symbol = dlsym(handle_, name);
    if (symbol == nullptr) note(dlerror());
    std::memcpy(&function, &symbol, sizeof(symbol));
  }

 private:
  void note(const char* why) {
    if (missing_->empty()) *missing_ = why;
  }

  void* handle_ = nullptr;
  std::string* missing_;
};

// The libraries stay open for the life of the process: providers leave threads and atfork handlers.
void open(Loaded* loaded) {
  Library& t = loaded->library;
  Opener verbs("libibverbs.so.1", &loaded->missing);
  verbs.bind(t.getDeviceList, "ibv_get_device_list");
  verbs.bind(t.freeDeviceList, "ibv_free_device_list");
  verbs.bind(t.getDeviceName, "ibv_get_device_name");
  verbs.bind(t.openDevice, "ibv_open_device");
  verbs.bind(t.closeDevice, "ibv_close_device");
  verbs.bind(t.queryDevice, "ibv_query_device");
  verbs.bind(t.queryPortCompat, "ibv_query_port");
  verbs.bind(t.queryGidEx, "_ibv_query_gid_ex");
  verbs.bind(t.allocPd, "ibv_alloc_pd");
  verbs.bind(t.deallocPd, "ibv_dealloc_pd");
  verbs.bind(t.regMr, "ibv_reg_mr");
  verbs.bind(t.deregMr, "ibv_dereg_mr");
  verbs.bind(t.createCompChannel, "ibv_create_comp_channel");
  verbs.bind(t.destroyCompChannel, "ibv_destroy_comp_channel");
  verbs.bind(t.createCq, "ibv_create_cq");
  verbs.bind(t.destroyCq, "ibv_destroy_cq");
  verbs.bind(t.getCqEvent, "ibv_get_cq_event");
  verbs.bind(t.ackCqEvents, "ibv_ack_cq_events");
  verbs.bind(t.createQp, "ibv_create_qp");
  verbs.bind(t.modifyQp, "ibv_modify_qp");
  verbs.bind(t.queryQp, "ibv_query_qp");
  verbs.bind(t.destroyQp, "ibv_destroy_qp");
  verbs.bind(t.getAsyncEvent, "ibv_get_async_event");
  verbs.bind(t.ackAsyncEvent, "ibv_ack_async_event");

  Opener cm("librdmacm.so.1", &loaded->missing);
  cm.bind(t.createEventChannel, "rdma_create_event_channel");
  cm.bind(t.destroyEventChannel, "rdma_destroy_event_channel");
  cm.bind(t.createId, "rdma_create_id");
  cm.bind(t.destroyId, "rdma_destroy_id");
  cm.bind(t.bindAddr, "rdma_bind_addr");
  cm.bind(t.listen, "rdma_listen");
  cm.bind(t.resolveAddr, "rdma_resolve_addr");
  cm.bind(t.resolveRoute, "rdma_resolve_route");
  cm.bind(t.connect, "rdma_connect");
  cm.bind(t.establish, "rdma_establish");
  cm.bind(t.accept, "rdma_accept");
  cm.bind(t.reject, "rdma_reject");
  cm.bind(t.disconnect, "rdma_disconnect");
  cm.bind(t.getCmEvent, "rdma_get_cm_event");
  cm.bind(t.ackCmEvent, "rdma_ack_cm_event");
  cm.bind(t.initQpAttr, "rdma_init_qp_attr");
  cm.bind(t.migrateId, "rdma_migrate_id");
  cm.bind(t.setOption, "rdma_set_option");
}

}  // namespace

const Library* loadLibrary(std::string* missing) {
  static Loaded loaded;
  static std::once_flag once;
  std::call_once(once, [] { open(&loaded); });
  *missing = loaded.missing;
  return loaded.missing.empty() ? &loaded.library : nullptr;
}

int queryPort(const Library& library, ibv_context* context, uint8_t port, ibv_port_attr* attributes) {
  verbs_context* extended = verbs_get_ctx_op(context, query_port);
  if (extended != nullptr) return extended->query_port(context, port, attributes, sizeof(*attributes));
  *attributes = {};
  return library.queryPortCompat(context, port, reinterpret_cast<_compat_ibv_port_attr*>(attributes));
}

uint64_t extendedCapabilities(ibv_context* context) {
  verbs_context* extended = verbs_get_ctx_op(context, query_device_ex);
  ibv_device_attr_ex attributes = {};
  if (extended == nullptr ||
      extended->query_device_ex(context, nullptr, &attributes, sizeof(attributes)) != 0) {
    return 0;
  }
  return attributes.device_cap_flags_ex;
}

ibv_qp* createQpEx(ibv_context* context, ibv_qp_init_attr_ex* attributes) {
  verbs_context* extended = verbs_get_ctx_op(context, create_qp_ex);
  if (extended == nullptr) {
    errno = EOPNOTSUPP;
    return nullptr;
  }
  return extended->create_qp_ex(context, attributes);
}

}  // namespace farside
