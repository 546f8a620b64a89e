import { expect, test } from "vitest";
import { imageOfCommand } from "./docker_command";

test.each([
	["docker run -d -p 8085:80 --name pasted -e FOO=bar -m 256m nginx:1.26", "nginx:1.26", true],
	["docker run -d nginx:1.26", "nginx:1.26", false],
	["$ sudo podman run --rm -it org/app:1 sh", "org/app:1", true],
	["docker run -d \\\n  -p80:80 --name=web slipway/webapp", "slipway/webapp", true],
	["docker container create -e 'A=b c' postgres", "postgres", true],
	["docker pull redis", "redis", false],
	["docker run alpine echo hi", "alpine", true],
])("the image of %s", (line, image, options) => expect(imageOfCommand(line)).toEqual({ image, options }));

test.each(["", "nginx", "docker", "docker run", "docker run -p", "docker run -p 80:80 ", "docker ps -a"])(
	"no image in “%s”",
	(line) => expect(imageOfCommand(line)).toBeNull(),
);
