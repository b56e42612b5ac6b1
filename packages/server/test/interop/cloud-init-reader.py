"""What cloud-init itself makes of a root that was given a seed: its configuration, its data source NoCloud, its users. usage: ROOT"""
import json
import os
import sys

from cloudinit import distros, helpers, util
from cloudinit.distros import ug_util
from cloudinit.sources import DataSourceNoCloud

# Nothing else is to be asked.
def no_search(*_args, **_kwargs):
    raise SystemExit("it looked for disks")


util.find_devs_with = no_search

root = sys.argv[1]
config = util.read_conf_with_confd(os.path.join(root, "etc/cloud/cloud.cfg"))
paths = helpers.Paths(
    {"cloud_dir": os.path.join(root, "var/lib/cloud"), "run_dir": os.path.join(root, "run/cloud-init")}
)
os.makedirs(os.path.join(root, "run/cloud-init"), exist_ok=True)
distro = distros.fetch("debian")("debian", config["system_info"], paths)
source = DataSourceNoCloud.DataSourceNoCloud(config, distro, paths)
found = source.get_data()
raw = util.decode_binary(source.get_userdata_raw())
merged = util.mergemanydict([util.load_yaml(raw, default={}), config])
users, _groups = ug_util.normalize_users_groups(merged, distro)
print(
    json.dumps(
        {
            "found": found,
            "list": config["datasource_list"],
            "instance": source.get_instance_id(),
            "hostname": source.get_hostname(metadata_only=True).hostname,
            "userdata": raw,
            "network": source.network_config,
            "networking": config.get("network"),
            "deletesKeys": config.get("ssh_deletekeys"),
            "users": users,
            "first": ug_util.extract_default(users)[0],
            "timezone": merged.get("timezone"),
        }
    )
)
