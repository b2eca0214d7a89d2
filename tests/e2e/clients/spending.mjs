// A refused prediction as the JavaScript client tells of it.
import Replicate from "replicate";

const replicate = new Replicate({ auth: process.env.REPLICATE_API_TOKEN, baseUrl: `${process.env.REPLICATE_BASE_URL}/v1` });
try {
  await replicate.run(process.argv[2], { input: { text: "x" } });
} catch (error) {
  console.log(error.response?.status, error.message);
}
