// The table of functions through which everything else in the addon reaches libibverbs and
// librdmacm.
//
// Both libraries are opened with dlopen when first asked for, so that the addon loads where
// rdma-core is not installed. The same table is filled by the fake provider (fake/), which is
// chosen explicitly and never in place of a device that is missing. The hot verbs are not here:
// ibv_post_send, ibv_poll_cq and ibv_req_notify_cq go through the tables of the context they belong
// to, of a device or of a fake one.
#pragma once

#include <string>

#include "abi.h"

namespace farside {

struct Library {
  // libibverbs
  ibv_device** (*getDeviceList)(int* count);
  void (*freeDeviceList)(ibv_device** list);
  const char* (*getDeviceName)(ibv_device* device);
  ibv_context* (*openDevice)(ibv_device* device);
  int (*closeDevice)(ibv_context* context);
  int (*queryDevice)(ibv_context* context, ibv_device_attr* attributes);
  int (*queryPortCompat)(ibv_context* context, uint8_t port, _compat_ibv_port_attr* attributes);
  ssize_t (*queryGidEx)(ibv_context* context, uint32_t port, uint32_t index, ibv_gid_entry* entry,
                        uint32_t flags, size_t entryBytes);
  ibv_pd* (*allocPd)(ibv_context* context);
  int (*deallocPd)(ibv_pd* pd);
  ibv_mr* (*regMr)(ibv_pd* pd, void* address, size_t length, int access);
  int (*deregMr)(ibv_mr* mr);
  ibv_comp_channel* (*createCompChannel)(ibv_context* context);
  int (*destroyCompChannel)(ibv_comp_channel* channel);
  ibv_cq* (*createCq)(ibv_context* context, int cqe, void* cqContext, ibv_comp_channel* channel, int vector);
  int (*destroyCq)(ibv_cq* cq);
  int (*getCqEvent)(ibv_comp_channel* channel, ibv_cq** cq, void** cqContext);
  void (*ackCqEvents)(ibv_cq* cq, unsigned events);
  ibv_qp* (*createQp)(ibv_pd* pd, ibv_qp_init_attr* attributes);
  int (*modifyQp)(ibv_qp* qp, ibv_qp_attr* attributes, int mask);
  int (*queryQp)(ibv_qp* qp, ibv_qp_attr* attributes, int mask, ibv_qp_init_attr* initial);
  int (*destroyQp)(ibv_qp* qp);
  int (*getAsyncEvent)(ibv_context* context, ibv_async_event* event);
  void (*ackAsyncEvent)(ibv_async_event* event);

  // librdmacm
  rdma_event_channel* (*createEventChannel)();
  void (*destroyEventChannel)(rdma_event_channel* channel);
  int (*createId)(rdma_event_channel* channel, rdma_cm_id** id, void* context, rdma_port_space space);
  int (*destroyId)(rdma_cm_id* id);
  int (*bindAddr)(rdma_cm_id* id, sockaddr* address);
  int (*listen)(rdma_cm_id* id, int backlog);
  int (*resolveAddr)(rdma_cm_id* id, sockaddr* source, sockaddr* destination, int timeoutMs);
  int (*resolveRoute)(rdma_cm_id* id, int timeoutMs);
  int (*connect)(rdma_cm_id* id, rdma_conn_param* parameters);
  int (*establish)(rdma_cm_id* id);
  int (*accept)(rdma_cm_id* id, rdma_conn_param* parameters);
  int (*reject)(rdma_cm_id* id, const void* privateData, uint8_t privateDataLength);
  int (*disconnect)(rdma_cm_id* id);
  int (*getCmEvent)(rdma_event_channel* channel, rdma_cm_event** event);
  int (*ackCmEvent)(rdma_cm_event* event);
  int (*initQpAttr)(rdma_cm_id* id, ibv_qp_attr* attributes, int* mask);
  int (*migrateId)(rdma_cm_id* id, rdma_event_channel* channel);
  int (*setOption)(rdma_cm_id* id, int level, int name, void* value, size_t valueBytes);
};

// The real one; null where a library cannot be opened, and then `missing` says which, and why.
const Library* loadLibrary(std::string* missing);

// Ask the context's own table, which extended providers have and old ones lack (then EOPNOTSUPP).
int queryPort(const Library& library, ibv_context* context, uint8_t port, ibv_port_attr* attributes);
uint64_t extendedCapabilities(ibv_context* context);
ibv_qp* createQpEx(ibv_context* context, ibv_qp_init_attr_ex* attributes);

}  // namespace farside
