"""Evaluation: metrics, views, actions, subsets of modalities."""

from .absent_rules import compare_rules as compare_rules
from .actions import action_accuracy as action_accuracy
from .actions import evaluate_actions as evaluate_actions
from .actions import many_shot_classes as many_shot_classes
from .evaluator import Evaluation as Evaluation
from .evaluator import Options as Options
from .evaluator import evaluate_model as evaluate_model
from .metrics import area_under_curve as area_under_curve
from .metrics import average_precision as average_precision
from .metrics import confusion_matrix as confusion_matrix
from .metrics import d_prime as d_prime
from .metrics import expected_calibration_error as expected_calibration_error
from .metrics import top_k_accuracy as top_k_accuracy
from .saved_model import Saved as Saved
from .saved_model import combine_actions as combine_actions
from .saved_model import evaluate_saved as evaluate_saved
from .saved_model import save_actions as save_actions
from .subsets import all_subsets as all_subsets
from .subsets import shapley_values as shapley_values
from .text_tables import action_table as action_table
from .text_tables import text_table as text_table
from .video_predictor import VideoPrediction as VideoPrediction
from .video_predictor import predict_videos as predict_videos
from .views import VideoMeans as VideoMeans
from .views import average as average
