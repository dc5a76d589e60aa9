// A device plugin for GPUs that are not there: it speaks kubelet's own API, and has one device for each line of a file. A container
// that is given one finds /dev/nvidia0, which is /dev/null, and the variable by which NVIDIA's runtime knows its devices.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

const (
	models   = "/etc/nvidia-gpus" // of the machine's GPUs, one a line
	resource = "nvidia.com/gpu"
	endpoint = "nvidia-gpu.sock"
	socket   = api.DevicePluginPath + endpoint
)

type plugin struct {
	api.UnimplementedDevicePluginServer
}

// devices are the GPUs that there are now.
func devices() []*api.Device {
	text, _ := os.ReadFile(models)
	found := []*api.Device{}
	for number := range strings.Count(string(text), "\n") {
		found = append(found, &api.Device{ID: fmt.Sprintf("GPU-%d", number), Health: api.Healthy})
	}
	return found
}

func (plugin) GetDevicePluginOptions(context.Context, *api.Empty) (*api.DevicePluginOptions, error) {
	return &api.DevicePluginOptions{}, nil
}

func (plugin) ListAndWatch(_ *api.Empty, stream grpc.ServerStreamingServer[api.ListAndWatchResponse]) error {
	for told := -1; stream.Context().Err() == nil; time.Sleep(time.Second) {
		if now := devices(); len(now) != told {
			if err := stream.Send(&api.ListAndWatchResponse{Devices: now}); err != nil {
				return err
			}
			told = len(now)
		}
	}
	return nil
}

func (plugin) Allocate(_ context.Context, asked *api.AllocateRequest) (*api.AllocateResponse, error) {
	answer := &api.AllocateResponse{}
	for _, container := range asked.ContainerRequests {
		given := &api.ContainerAllocateResponse{Envs: map[string]string{"NVIDIA_VISIBLE_DEVICES": strings.Join(container.DevicesIds, ",")}}
		for _, id := range container.DevicesIds {
			given.Devices = append(given.Devices, &api.DeviceSpec{
				ContainerPath: "/dev/nvidia" + strings.TrimPrefix(id, "GPU-"), HostPath: "/dev/null", Permissions: "rw"})
		}
		answer.ContainerResponses = append(answer.ContainerResponses, given)
	}
	return answer, nil
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	must(err)
	server := grpc.NewServer()
	api.RegisterDevicePluginServer(server, plugin{})
	go server.Serve(listener)
	kubelet, err := grpc.NewClient("unix://"+api.KubeletSocket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(err)
	_, err = api.NewRegistrationClient(kubelet).Register(context.Background(), &api.RegisterRequest{
		Version: api.Version, Endpoint: endpoint, ResourceName: resource})
	must(err)
	log.Printf("%s: %d", resource, len(devices()))
	for ; ; time.Sleep(time.Second) { // a kubelet that starts empties the folder, and has forgotten everybody
		_, err := os.Stat(socket)
		must(err)
	}
}
